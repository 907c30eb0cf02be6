// What the running agent answers, as the commands read it: the documents of local-api.ts, parsed, since the two can be of different
// versions in the minute after an upgrade.

import { DeploymentReport, DeviceStatus } from "@iot/contracts";
import * as z from "zod/mini";
import { HistoryEntry } from "../status/history.ts";

export const LocalStatus = z.extend(DeviceStatus, {
  connection: z.looseObject({
    state: z.enum(["connecting", "connected", "disconnected"]),
    server: z.string(),
    reason: z.nullable(z.string()),
    message: z.string(),
    since: z.string(),
  }),
});
export type LocalStatus = z.output<typeof LocalStatus>;

export const LocalExplanation = z.looseObject({
  device: z.string(),
  deployment: z.string(),
  report: DeploymentReport,
  observed: z.array(z.string()),
  planned: z.array(z.string()),
  blocked: z.array(z.looseObject({ subject: z.string(), reason: z.string(), message: z.string() })),
});
export type LocalExplanation = z.output<typeof LocalExplanation>;

export const LocalHistory = z.looseObject({ entries: z.array(HistoryEntry) });

export const HeldUntil = z.looseObject({ reason: z.string(), until: z.string() });

export const Released = z.looseObject({ wasHeld: z.boolean() });

export const Done = z.looseObject({});
