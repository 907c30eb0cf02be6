// The one error of this package. Its message says what failed and on what, in words for people. The
// API server's own answer is part of it; an error of the network is the cause.

export const KUBERNETES_ERROR_CODES = [
  "NotConfigured",
  "Unreachable",
  "Timeout",
  "Unauthorized",
  "Forbidden",
  "NotFound",
  "Conflict",
  "Gone",
  "Invalid",
  "TooManyRequests",
  "ServerError",
  "BadAnswer",
] as const;

export type KubernetesErrorCode = (typeof KUBERNETES_ERROR_CODES)[number];

export class KubernetesError extends Error {
  readonly code: KubernetesErrorCode;
  /**
   * `never`: the same request cannot succeed. Missing rights may be granted, so requests without
   * them are tried again.
   */
  readonly retry: "backoff" | "never";
  /** The wait that the server asked for, or null. */
  readonly retryAfterMs: number | null;

  constructor(code: KubernetesErrorCode, message: string, options: ErrorOptions & { readonly retryAfterMs?: number | null } = {}) {
    super(message, options);
    this.name = "KubernetesError";
    this.code = code;
    this.retry = NEVER.has(code) ? "never" : "backoff";
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

const NEVER: ReadonlySet<KubernetesErrorCode> = new Set(["NotConfigured", "NotFound", "Conflict", "Gone", "Invalid"]);

export function codeOfStatus(status: number): KubernetesErrorCode {
  switch (status) {
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 429:
      return "TooManyRequests";
    default:
      return status >= 500 ? "ServerError" : "Invalid";
  }
}
