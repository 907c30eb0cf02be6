// A device is out, at once and everywhere: its grant, Zitadel, the callouts, then its connections. Each
// step says what it did; with one part away the others are done, and said again it does what is left.

import { errorText, systemClock } from "@harmony/runtime";
import type { DeviceRecord } from "@iot/identity";
import { awaitCallouts, endConnections, type Step } from "./cut-off/cut-off.ts";
import { auditDeed } from "./audit-deed.ts";
import type { Plan, Refusal } from "./plan/held.ts";
import { planDisabling, planForgetting } from "./plan/people-say.ts";
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
  const steps = [grant, ...(await atZitadel(parts, device, "deactivate")), ...(await cutOff(parts, device))];
  const left = steps.flatMap(({ step, isDone }) => (isDone ? [] : [step]));
  const message = `"${device}" is disabled (${reason})${left.length === 0 ? "" : `; left: ${left.join(", ")}`}`;
  await auditDeed(parts, { what: "disable", by, device, message });
  return { kind: "steps", steps };
}

/**
 * Its record and its grant go, and what it has open. Zitadel and OpenBao keep who it was, disabled, and
 * learn that first, while there is a record to learn it from. No steps: nothing of it was there.
 */
export async function forgetDevice(
  parts: Parts,
  { device, by }: { readonly device: string; readonly by: string },
): Promise<readonly Step[]> {
  const elsewhere = await disabledElsewhere(parts, device);
  if (elsewhere.some(({ isDone }) => !isDone)) return elsewhere;
  const planned = await parts.records.carryOut(() => planForgetting(parts.records, device));
  if (planned.kind === "refused" || !planned.answer) return [];
  const identity = { step: "identity", isDone: true, message: "its key is nobody's any more: it comes in again only by a new approval" };
  const steps = [...elsewhere, identity, ...(await endWhatIsOpen(parts, device))];
  await auditDeed(parts, { what: "forget", by, device, message: `"${device}" is forgotten` });
  return steps;
}

async function disabledElsewhere(parts: Parts, device: string): Promise<readonly Step[]> {
  const { records, accounts, openBao } = parts;
  if (accounts === null && openBao === null) return [];
  const planned = await records.carryOut(() => planDisabling(records, device, "forgotten", systemClock.now()));
  return planned.kind === "refused" ? [] : [...(await atZitadel(parts, device, "deactivate")), ...(await stepOf(openBao, device))];
}

/** OpenBao, which only says the same, comes last. */
export async function cutOff(parts: Parts, device: string): Promise<readonly Step[]> {
  return [...(await endWhatIsOpen(parts, device)), ...(await stepOf(parts.openBao, device))];
}

/** First the callouts, then the connections. */
async function endWhatIsOpen({ messaging, system, records }: Parts, device: string): Promise<readonly Step[]> {
  const callouts = await awaitCallouts(messaging, device, records.grant(device).revision);
  return [callouts, await endConnections(system(), device)];
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
