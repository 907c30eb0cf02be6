// The one error that this package throws (beside the reason of an abort). `code` is for machines,
// the message says what failed and on what, and where it helps, what would fix it; the client's
// own error is the cause.

import { errors } from "@nats-io/nats-core";

export const MESSAGING_ERROR_CODES = [
  "NotConnected",
  "Timeout",
  "PermissionDenied",
  /** Nobody answers for the bucket: it does not exist, JetStream is off, or direct gets are. */
  "NoStore",
  /** A bucket made by hand has a setting that breaks the platform; the message names it. */
  "BucketSetting",
  "TooLarge",
  /** A limit of the bucket, the account or the server is reached; the message has the cure. */
  "StoreFull",
  /** The server said no for another reason, or answered what it should not. */
  "Refused",
] as const;

export type MessagingErrorCode = (typeof MESSAGING_ERROR_CODES)[number];

export class MessagingError extends Error {
  readonly code: MessagingErrorCode;
  readonly retry: "backoff" | "never";

  constructor(code: MessagingErrorCode, message: string, options: ErrorOptions & { readonly retry?: "backoff" | "never" } = {}) {
    super(message, options);
    this.name = "MessagingError";
    this.code = code;
    this.retry = options.retry ?? (code === "TooLarge" || code === "BucketSetting" ? "never" : "backoff");
  }
}

/**
 * What a failed request of the client means. `what` says what was tried: `failed to write
 * "$KV.status.pi-1"`.
 */
export function asMessagingError(error: unknown, what: string): MessagingError {
  if (error instanceof MessagingError) return error;
  const inner = error instanceof errors.RequestError && error.cause !== undefined ? error.cause : error;
  const options = { cause: error };
  if (inner instanceof errors.TimeoutError)
    return new MessagingError("Timeout", `${what}: no answer from NATS in time; check the network and the load of the server`, options);
  if (inner instanceof errors.PermissionViolationError) {
    return new MessagingError(
      "PermissionDenied",
      `${what}: NATS does not permit ${inner.operation} on ${inner.subject} to this user; give it the rights of iot/deploy/nats`,
      options,
    );
  }
  if (inner instanceof errors.NoRespondersError) {
    return new MessagingError(
      "NoStore",
      `${what}: no bucket answers; start an operator, which creates it, turn JetStream on, or wait some seconds if servers elect a leader`,
      options,
    );
  }
  if (inner instanceof errors.InvalidArgumentError)
    return new MessagingError("TooLarge", `${what}: larger than the server takes; make it smaller`, options);
  if (
    inner instanceof errors.ClosedConnectionError ||
    inner instanceof errors.DrainingConnectionError ||
    inner instanceof errors.RequestError
  ) {
    return new MessagingError(
      "NotConnected",
      `${what}: the connection to NATS is closed; see why with \`iot-agent status\`, or in the log`,
      options,
    );
  }
  return new MessagingError("Refused", what, options);
}
