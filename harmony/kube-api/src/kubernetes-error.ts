// The one error of this package. Its message says what failed and on what, in words for people;
// what the API server itself said is part of it, what the network said is the cause.

export type KubernetesErrorCode =
  | "NotConfigured"
  | "Unreachable"
  | "Timeout"
  | "Unauthorized"
  | "Forbidden"
  | "NotFound"
  | "Conflict"
  | "Gone"
  | "Invalid"
  | "TooManyRequests"
  | "ServerError"
  | "BadAnswer";

export class KubernetesError extends Error {
  readonly code: KubernetesErrorCode;
  /**
   * `never`: the same request cannot succeed. Missing rights may be granted, so they are tried
   * again.
   */
  readonly retry: "backoff" | "never";
  /** What the server asked to wait, or null. */
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
