// What a route gives back: a status and a document.

import type { Refusal } from "../plan/held.ts";

export interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export function ok(body: object, status = 200): Answer {
  return { status, body };
}

export function refuse({ status, why, retryAfterS }: Omit<Refusal, "status"> & { readonly status: number }): Answer {
  return { status, body: { error: why }, ...(retryAfterS === undefined ? {} : { headers: { "retry-after": String(retryAfterS) } }) };
}
