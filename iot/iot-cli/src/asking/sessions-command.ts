// `iot sessions`: who is on a device now, asked of the device, and what ends one; without a device,
// what the audit says of all: begun within a day, and not ended.

import { visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { parse } from "@harmony/schema";
import { EndedSessions, type DeviceAuditEvent, OpenSessions } from "@iot/contracts";
import { readDeviceAudit, type Told } from "@iot/messaging";
import { renderTable } from "@iot/report";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { askShortly, deviceOf, PEOPLE_DETAILS, withAsker, withReader } from "./as-person.ts";

/** A session lasts no longer than eight hours. */
const LASTS_MOST_MS = 8 * 3_600_000;
const MOST = 50_000;

interface Row {
  readonly device: string;
  readonly id: string;
  readonly verb: string;
  readonly user: string;
  readonly since: string;
  readonly target?: string | undefined;
}

export const sessions = defineCommand({
  options: { ...JSON_OPTION, ...NATS_OPTION },
  operands: [0, 3],
  details: `Without a device: what the audit says was begun in the last eight hours and not ended, which a maintainer reads. ${PEOPLE_DETAILS}`,
  async run({ json, nats }, [text, verb, id], at) {
    if (verb !== undefined && (verb !== "end" || id === undefined)) throw new UserError("write iot sessions <device> end <id>", EXIT.usage);
    if (text !== undefined && id !== undefined) {
      const device = deviceOf(text);
      const result = await withAsker(nats, at, (asker) => askShortly(asker, { device, verb: "end", fields: { id } }, at.signal));
      const read = parse(EndedSessions, result);
      const ended = read.ok ? read.value.ended : 0;
      if (ended === 0) throw new UserError(`${device} has no session ${id}: iot sessions ${device} shows them`);
      at.write(`${device}: the session ${id} is ended\n`);
      return 0;
    }
    const rows = text === undefined ? await openByAudit(nats, at) : await openOn(text, nats, at);
    if (json === true) at.write(visibleJson(rows, 2));
    else at.write(visibleLines(render(rows)));
    return 0;
  },
});

async function openOn(text: string, nats: string | undefined, at: Surroundings): Promise<Row[]> {
  const device = deviceOf(text);
  const result = await withAsker(nats, at, (asker) => askShortly(asker, { device, verb: "sessions" }, at.signal));
  const read = parse(OpenSessions, result);
  if (!read.ok) throw new UserError(`${device} answers what this iot does not read`);
  return read.value.sessions.map(({ id, verb, user, since, target }) => ({ device, id, verb, user, since, target }));
}

async function openByAudit(nats: string | undefined, at: Surroundings): Promise<Row[]> {
  const sinceMs = Date.now() - LASTS_MOST_MS;
  const { told } = await withReader(nats, at, (messaging) => readDeviceAudit(messaging, { device: null, sinceMs, most: MOST }, at.signal));
  return openIn(told);
}

/** What was begun and not ended. Pure. */
export function openIn(told: readonly Told<DeviceAuditEvent>[]): Row[] {
  const open = new Map<string, Row>();
  for (const { device, document, receivedAtMs } of told) {
    const { what, session: id, verb, user, target } = document;
    const key = `${device} ${id}`;
    if (what === "open") open.set(key, { device, id, verb, user, since: new Date(receivedAtMs).toISOString(), target });
    else open.delete(key);
  }
  return [...open.values()];
}

function render(rows: readonly Row[]): string {
  if (rows.length === 0) return "Nobody has a session.\n";
  const cells = rows.map(({ device, id, verb, user, since, target = "" }) => [device, id, user, verb, target, since]);
  return `${renderTable(["DEVICE", "ID", "USER", "VERB", "ABOUT", "SINCE"], cells).join("\n")}\n`;
}
