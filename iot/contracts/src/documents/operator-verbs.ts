// What a person asks an operator (`iot.operator.<verb>`, request and reply) and what stands in the
// stream `audit` of it. Every operator hears every request, and answers for its own source alone:
// `iot` takes the one that says `done`.

import * as z from "zod/mini";

export const OPERATOR_VERBS = ["confirm", "keep", "adopt", "forget", "state"] as const;
export type OperatorVerb = (typeof OPERATOR_VERBS)[number];

export const OperatorRequest = z.looseObject({
  /** confirm: what `iot status` shows beside what is held or lost. */
  token: z.optional(z.string()),
  /** keep: a Deployment, `name` or `namespace/name`, or all of a namespace. */
  name: z.optional(z.string()),
  namespace: z.optional(z.string()),
  /** adopt, forget, state: the id of a source. */
  source: z.optional(z.string()),
  /** forget, instead of a source: the id of a device. */
  device: z.optional(z.string()),
});
export type OperatorRequest = z.output<typeof OperatorRequest>;

export const OperatorAnswer = z.looseObject({
  /** The id of the source whose operator answers. */
  source: z.string(),
  done: z.boolean(),
  /**
   * One sentence for a person; to `state`, what the source's state in the bucket may not say, as
   * that the store is full, or nothing.
   */
  message: z.string(),
  /** For programs, why not: `UnknownDevice`. */
  reason: z.optional(z.string()),
});
export type OperatorAnswer = z.output<typeof OperatorAnswer>;

export const AuditEvent = z.looseObject({
  /** RFC 3339, by the server's clock. */
  at: z.string(),
  source: z.string(),
  /** removed, held, lost, confirm, keep, adopt, forget. */
  what: z.string(),
  /** Who: the user of NATS, or what the source showed. */
  by: z.string(),
  message: z.string(),
});
export type AuditEvent = z.output<typeof AuditEvent>;

export function operatorSubject(verb: OperatorVerb): string {
  return `iot.operator.${verb}`;
}
