// What a device says of each session of a person, at its beginning and its end
// (`iot.audit.<device>`), and the stream that keeps it. It is a stream of its own, in which each
// device has its own number of events: a device that floods it pushes out nobody's but its own, and
// none of the operators'.

import * as z from "zod/mini";

export const DEVICE_AUDIT = {
  stream: "device-audit",
  subjects: ["iot.audit.*"],
  perDevice: 5_000,
  maxAgeDays: 400,
  maxBytes: 1024 * 1024 * 1024,
  maxEventBytes: 8_192,
} as const;

const Count = z.int().check(z.nonnegative());

export const DeviceAuditEvent = z.looseObject({
  /** `open`, `end` or `refused`. */
  what: z.string(),
  /** RFC 3339, by the device's clock; the server's stamp is beside it. */
  at: z.string(),
  /** The first eight digits of the session's id: the rest would let its reader into the session. */
  session: z.string(),
  /** By the word of NATS: who, and from which address. */
  user: z.string(),
  from: z.string(),
  verb: z.string(),
  /** `<deployment>[/<service>]`, a unit or a port. */
  target: z.optional(z.string()),
  /** The command of an exec. */
  argv: z.optional(z.array(z.string())),
  /** At the end: the bytes each way, seen from the device. */
  sent: z.optional(Count),
  received: z.optional(Count),
  /** At the end: `exit code 0`, or the reason. */
  outcome: z.optional(z.string()),
});
export type DeviceAuditEvent = z.output<typeof DeviceAuditEvent>;
