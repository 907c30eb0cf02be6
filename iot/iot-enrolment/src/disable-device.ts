// A device is out, at once and everywhere: its grant, Zitadel, the callouts, then its connections. Each
// step says what it did; with one part away the others are done, and said again it does what is left.

import { errorText, systemClock } from "@harmony/runtime";
import type { DeviceRecord } from "@iot/identity";
import { awaitCallouts, endConnections, type Step } from "./cut-off/cut-off.ts";
import { auditDeed } from "./audit-deed.ts";
import type { Plan, Refusal } from "./plan/held.ts";
import { planDisabling } from "./plan/people-say.ts";
import type { Service } from "./service.ts";

type Parts = Pick<Service, "messaging" | "system" | "records" | "accounts" | "openBao" | "log">;

export type Disabled =
  | { readonly kind: "steps"; readonly steps: readonly Step[] }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export async function disableDevice(
  parts: Parts,
  { device, reason, by }: { readonly device: string; readonly reason: string; readonly by: string },
): Promise<Disabled> {
  const plan = (): Plan<DeviceRecord> => planDisabling(parts.records, device, reason, systemClock.now());
  const planned = await parts.records.carryOut(plan).catch((error: unknown) => errorText(error));
  if (typeof planned === "string") return { kind: "steps", steps: unwritten(planned) };
  if (planned.kind === "refused") return planned;
  const grant = { step: "grant", isDone: true, message: `disabled (${reason}): it gets no token, and the ones that it has are ended` };
  // A Zitadel that hangs keeps no connection open.
  const [zitadel, cut] = await Promise.all([atZitadel(parts, device, "deactivate"), cutOff(parts, device)]);
  const steps = [grant, ...zitadel, ...cut];
  const left = steps.flatMap(({ step, isDone }) => (isDone ? [] : [step]));
  const message = `"${device}" is disabled (${reason})${left.length === 0 ? "" : `; left: ${left.join(", ")}`}`;
  await auditDeed(parts, { what: "disable", by, device, message });
  return { kind: "steps", steps };
}

/** First the callouts, then the connections; OpenBao, which only says the same, comes last. */
export async function cutOff({ messaging, system, records, openBao }: Parts, device: string): Promise<readonly Step[]> {
  const callouts = await awaitCallouts(messaging, device, records.grant(device).revision);
  const connections = await endConnections(system(), device);
  return [callouts, connections, ...(await stepOf(openBao, device))];
}

/** None in a fleet without OpenBao. */
export async function stepOf(openBao: Service["openBao"], device: string): Promise<readonly Step[]> {
  return openBao === null ? [] : [await openBao.step(device)];
}

/** Nothing where there is no Zitadel. */
export async function atZitadel(
  { accounts }: Pick<Service, "accounts">,
  device: string,
  deed: "deactivate" | "reactivate",
): Promise<readonly Step[]> {
  if (accounts === null) return [];
  try {
    const isThere = await accounts.administrator[deed](device);
    return [{ step: "zitadel", isDone: true, message: isThere ? `${deed}d` : "it has no account there" }];
  } catch (error) {
    return [{ step: "zitadel", isDone: false, message: `${errorText(error)}; say it again` }];
  }
}

/** Connections that ended before the grant would be back at once. */
function unwritten(why: string): readonly Step[] {
  const waits = "waits for the grant: say it again";
  return [
    { step: "grant", isDone: false, message: `it is not disabled (${why}): say it again when NATS answers` },
    { step: "callouts", isDone: false, message: waits },
    { step: "connections", isDone: false, message: waits },
  ];
}
