// What people ask of the enrolment service, and what it answers: `iot device …` and
// `iot bootstrap …`. The secret of a person is a header, and never in a document.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";
import { Code, EnrolledId, EnrolmentState, Hardware, Labels, Line, Seconds, PersonRole } from "./documents.ts";

/** `GET /v1/devices` */
export const DeviceList = z.object({
  devices: z.array(
    z.object({
      device: EnrolledId,
      state: z.enum(["approved", "disabled"]),
      reason: z.optional(Line),
      labels: z.optional(Labels),
      replaces: z.optional(EnrolledId),
      keys: z.array(Line),
    }),
  ),
});
export type DeviceList = z.output<typeof DeviceList>;

/** `GET /v1/enrolments?state=pending` */
export const EnrolmentList = z.object({
  enrolments: z.array(
    z.object({
      code: Code,
      state: EnrolmentState,
      hardware: Hardware,
      address: Line,
      since: Line,
      device: z.optional(EnrolledId),
      reason: z.optional(Line),
      bootstrap: z.optional(Line),
    }),
  ),
});
export type EnrolmentList = z.output<typeof EnrolmentList>;

/** `POST /v1/devices/<id>/code` */
export const CodeMade = z.object({ code: Code, expiresAtS: Seconds });
export type CodeMade = z.output<typeof CodeMade>;

/** `POST /v1/enrolments/<code>/approve` */
export const ApproveRequest = z.object({
  device: EnrolledId,
  labels: z.optional(Labels),
  /** The device whose place it takes: the same id, or one that is disabled by it. */
  replaces: z.optional(EnrolledId),
});
export type ApproveRequest = z.output<typeof ApproveRequest>;

/** `POST /v1/enrolments/<code>/deny` */
export const DenyRequest = z.object({ reason: z.optional(Line) });
export type DenyRequest = z.output<typeof DenyRequest>;

/** `POST /v1/devices/<id>/disable` */
export const DisableRequest = z.object({ reason: Line.check(z.minLength(1)) });
export type DisableRequest = z.output<typeof DisableRequest>;

/** What was done, a step after the other, and what is left: asked again, it does what is left. */
export const StepsAnswer = z.object({
  device: EnrolledId,
  steps: z.array(z.object({ step: Line, isDone: z.boolean(), message: z.string().check(z.maxLength(500)) })),
});
export type StepsAnswer = z.output<typeof StepsAnswer>;

/** `POST /v1/bootstraps` */
export const BootstrapRequest = z.object({
  name: DnsLabel,
  maxDevices: z.int().check(z.minimum(1), z.maximum(100_000)),
  days: z.int().check(z.minimum(1), z.maximum(366)),
});
export type BootstrapRequest = z.output<typeof BootstrapRequest>;

/** `POST /v1/bootstraps/<name>/serials`: who needs no person. Said before the devices ask. */
export const SerialsRequest = z.object({
  rows: z.array(z.object({ serial: Line.check(z.minLength(4)), device: EnrolledId, labels: z.optional(Labels) })).check(z.maxLength(100)),
});
export type SerialsRequest = z.output<typeof SerialsRequest>;

/** The token is shown once. */
export const BootstrapMade = z.object({ token: z.string().check(z.maxLength(200)), expiresAtS: Seconds });
export type BootstrapMade = z.output<typeof BootstrapMade>;

/** `GET /v1/bootstraps` */
export const BootstrapList = z.object({
  bootstraps: z.array(z.object({ name: DnsLabel, expiresAtS: Seconds, maxDevices: z.int(), used: z.int(), serials: z.optional(z.int()) })),
});
export type BootstrapList = z.output<typeof BootstrapList>;

/** `POST /v1/token`: what a person shows to NATS as the password, with his name as the user. */
export const PersonToken = z.object({
  name: DnsLabel,
  role: PersonRole,
  access_token: z.string().check(z.maxLength(3_500)),
  expires_in: Seconds,
});
export type PersonToken = z.output<typeof PersonToken>;

/** Every refusal says what is refused, and what would repair it. */
export const ErrorAnswer = z.object({ error: z.string().check(z.maxLength(2_000)) });
