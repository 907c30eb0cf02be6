// `iot history`: the transitions of deployments, as their devices sent them, also of a device that
// is silent now.

import { localTime, visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { type DeviceId, deviceOfKey } from "@iot/contracts";
import type { ToldTransition } from "@iot/messaging";
import { wrap } from "@iot/report";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { deviceOf, withReader } from "./as-person.ts";
import { momentOf } from "./moment.ts";
import { readTransitions, type Transitions } from "./read-transitions.ts";
import { targetOf } from "./target.ts";

const OPTIONS = {
  since: { type: "string", value: "when", about: "since 10m, 2h, 1d ago, or since a time; of one device all that is kept, else 1d" },
  ...JSON_OPTION,
  ...NATS_OPTION,
} as const;

export const history = defineCommand({
  options: OPTIONS,
  operands: [0, 2],
  details:
    "A name alone is a device's or a deployment's. Kept are the last 200 transitions of each device, for 90 days. Times are the server's; a time with ~ is the device's own, of before it last started.",
  async run({ since, json, nats }, operands, at) {
    const nowMs = Date.now();
    const sinceMs = since === undefined ? null : momentOf(since, nowMs);
    const [name, text] = operands;
    const { transitions, missing } = await withReader(nats, at, (messaging) => {
      const read = (device: DeviceId | null): Promise<Transitions> => {
        const beganMs = device === null ? (sinceMs ?? momentOf("1d", nowMs)) : sinceMs;
        return readTransitions(messaging, { device, sinceMs: beganMs }, at.signal);
      };
      return text === undefined ? ofOneName(name, read) : ofBoth({ name, text }, read);
    });
    if (missing !== null) at.warn(visibleLines(`iot: ${missing}\n`));
    if (json === true) at.write(visibleJson(transitions.map(asJson), 2));
    else at.write(visibleLines(render(transitions, at.width)));
    return 0;
  },
});

type Read = (device: DeviceId | null) => Promise<Transitions>;

async function ofBoth({ name = "", text }: { readonly name: string | undefined; readonly text: string }, read: Read): Promise<Transitions> {
  const { deployment } = targetOf(name);
  const { transitions, missing } = await read(deviceOf(text));
  return { transitions: transitions.filter(({ event }) => event.deployment === deployment), missing };
}

async function ofOneName(name: string | undefined, read: Read): Promise<Transitions> {
  if (name === undefined) return read(null);
  const device = deviceOfKey(name);
  if (device === null) throw new UserError(`"${name}" is neither a device nor a deployment`, EXIT.usage);
  const ofDevice = await read(device);
  if (ofDevice.transitions.length > 0) return ofDevice;
  const { transitions, missing } = await read(null);
  return { transitions: transitions.filter(({ event }) => event.deployment === name), missing };
}

function asJson({ device, atMs, isEstimated, receivedAtMs, event }: ToldTransition): object {
  const { n, deployment, phase, reason, message, revision, generation, source, commit, merged, trace } = event;
  const times = { at: new Date(atMs).toISOString(), estimated: isEstimated, receivedAt: new Date(receivedAtMs).toISOString() };
  return { ...times, device, n, deployment, phase, reason, message, revision, generation, source, commit, merged, trace };
}

/** Pure. */
function render(transitions: readonly ToldTransition[], width: number): string {
  if (transitions.length === 0) return "Nothing has happened yet.\n";
  const before = new Map<string, number>();
  const lines = transitions.flatMap(({ device, atMs, isEstimated, event }) => {
    const { n, deployment, phase, reason, message, revision, merged = 0 } = event;
    const lost = n - merged - 1 - (before.get(device) ?? n - merged - 1);
    before.set(device, n);
    const time = `${isEstimated ? "~" : " "}${localTime(atMs)}`;
    const what = [phase ?? "gone", ...(phase === null || phase === reason ? [] : [`(${reason})`])].join(" ");
    const more = [
      ...(revision === null ? [] : [`revision ${revision}`]),
      ...(merged === 0 ? [] : [`after ${merged} others of it`]),
      ...(lost > 0 ? [`${lost} before it were not kept`] : []),
    ];
    const about = `${time}  ${device}  ${deployment} ${what}: ${message}${more.length === 0 ? "" : ` (${more.join(", ")})`}`;
    return wrap(about, width, " ".repeat(time.length + 2), "");
  });
  return `${lines.join("\n")}\n`;
}
