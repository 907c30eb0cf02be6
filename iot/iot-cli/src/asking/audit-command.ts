// `iot audit`: what was removed, held, lost and said, by the operators' word, and what people did
// on devices, by the devices'. Who may read one of the two is shown that one.

import { plainText, visibleJson } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { type AuditEvent, type DeviceAuditEvent, MESSAGE_CHARACTERS } from "@iot/contracts";
import { type Messaging, MessagingError, readAudit, readAuditAsPerson, readDeviceAudit, type Told } from "@iot/messaging";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { deviceOf, withReader } from "./as-person.ts";
import { momentOf } from "./moment.ts";

const MOST = 50_000;

export const audit = defineCommand({
  options: {
    last: { type: "string", value: "count", about: "how many (50)" },
    since: { type: "string", value: "when", about: "since 10m, 2h, 1d ago, or since a time (of all devices: 7d)" },
    source: { type: "string", value: "id", about: "of the operators' events, this source's alone" },
    ...JSON_OPTION,
    ...NATS_OPTION,
  },
  operands: [0, 1],
  details:
    "With a device: what people did on it, by its own word. Without: that of all devices, and what operators removed, held and lost, each as far as you may read it: any role reads that of operators, a maintainer that of devices, too.",
  async run({ last = "50", since, source = null, json, nats }, [text], at) {
    const count = Number(last);
    if (!Number.isSafeInteger(count) || count < 1 || count > 10_000)
      throw new UserError("--last takes a whole number from 1 to 10000", EXIT.usage);
    const nowMs = Date.now();
    const device = text === undefined ? null : deviceOf(text);
    const sinceMs = since === undefined ? null : momentOf(since, nowMs);
    const lines = await withReader(nats, at, async (messaging) => {
      const query = { device, sinceMs: sinceMs ?? (device === null ? momentOf("7d", nowMs) : null), most: MOST };
      const ofDevices =
        source !== null ? [] : ((await permitted(() => readDeviceAudit(messaging, query, at.signal), device))?.told ?? null);
      const ofOperators =
        device === null ? await permitted(() => operatorEvents(messaging, { count, source, sinceMs }, at.signal), null) : [];
      if (ofDevices === null && ofOperators === null)
        throw new UserError("NATS lets this user read neither audit: a maintainer reads that of devices", EXIT.notPermitted);
      return [...(ofDevices ?? []).map(lineOfDevice), ...(ofOperators ?? []).map(lineOfOperator)];
    });
    const shown = lines.toSorted((a, b) => a.atMs - b.atMs).slice(-count);
    const asText = (): string =>
      shown.map(({ words }) => `${words.map((word) => plainText(word, MESSAGE_CHARACTERS)).join("  ")}\n`).join("");
    if (json === true)
      at.write(
        visibleJson(
          shown.map(({ event }) => event),
          2,
        ),
      );
    else at.write(shown.length === 0 ? "Nothing was removed, held, said or done.\n" : asText());
    return 0;
  },
});

interface Line {
  readonly atMs: number;
  readonly words: readonly string[];
  readonly event: object;
}

/**
 * Null: this user may not read it, or nobody has made it. Of one device that is what was asked for.
 */
async function permitted<Result>(read: () => Promise<Result>, device: string | null): Promise<Result | null> {
  try {
    return await read();
  } catch (error) {
    const isNotThere = error instanceof MessagingError && ["PermissionDenied", "NoStore", "Refused"].includes(error.code);
    if (!isNotThere || device !== null) throw error;
    return null;
  }
}

async function operatorEvents(
  messaging: Messaging,
  { count, source, sinceMs }: { readonly count: number; readonly source: string | null; readonly sinceMs: number | null },
  signal: AbortSignal,
): Promise<AuditEvent[]> {
  const events = (await readAuditAsPerson(messaging, count, signal)) ?? (await readAudit(messaging, count));
  return events.filter((event) => (source === null || event.source === source) && (sinceMs === null || Date.parse(event.at) >= sinceMs));
}

function lineOfOperator(event: AuditEvent): Line {
  const { at, source, what, by, message } = event;
  return { atMs: Date.parse(at), words: [at, source, what, by, message], event };
}

function lineOfDevice({ device, document, receivedAtMs }: Told<DeviceAuditEvent>): Line {
  const { what, session, user, from, verb, target = "", argv = [], outcome, sent, received } = document;
  const at = new Date(receivedAtMs).toISOString();
  const about = [verb, target, ...(argv.length === 0 ? [] : ["--", ...argv])].filter((word) => word !== "").join(" ");
  const end = what === "end" ? `: ${outcome ?? ""}, ${sent ?? 0} bytes out, ${received ?? 0} in` : "";
  return {
    atMs: receivedAtMs,
    words: [at, device, what, `${user} (${from})`, `${session}  ${about}${end}`],
    event: { receivedAt: at, device, ...document },
  };
}
