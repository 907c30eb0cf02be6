// What people do on this device, written to NATS at the beginning and the end of a session. A
// command in a container and a port begin only when the server has it; all else is sent when it can
// be. What the connection takes meanwhile is sent when it is back; the agent's own log has it too.

import { plainText } from "@harmony/core";
import { type Clock, errorText, KeyedQueue, type Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { COMMAND_LIMIT_BYTES, DEVICE_AUDIT, type DeviceAuditEvent } from "@iot/contracts";
import { type DeviceAuditWriter, MessagingError } from "@iot/messaging/device";
import * as z from "zod/mini";

const ACKNOWLEDGED_WITHIN_MS = 5_000;
const WAITING_MOST = 100;
const ARGUMENTS_MOST = 64;
const ARGUMENT_CHARACTERS = 200;
/** The server counts the headers, too. */
const EVENT_BYTES = DEVICE_AUDIT.maxEventBytes - 256;

/** What of a question says what it is about. */
const About = z.looseObject({
  deployment: z.optional(z.string()),
  service: z.optional(z.string()),
  unit: z.optional(z.string()),
  port: z.optional(z.int()),
  id: z.optional(z.string()),
  command: z.optional(z.array(z.string())),
});

/** Of what a question is, in a few words. Pure. */
export function aboutOf(data: Uint8Array): Pick<DeviceAuditEvent, "target" | "argv"> {
  const parsed = parseJson(About, data, { bytes: COMMAND_LIMIT_BYTES, values: 500, depth: 4 });
  if (!parsed.ok) return {};
  const { deployment, service, unit, port, id, command } = parsed.value;
  const words = [deployment ?? unit ?? id ?? port?.toString() ?? "", service ?? ""].filter((word) => word !== "");
  return {
    ...(words.length === 0 ? {} : { target: plainText(words.join("/"), ARGUMENT_CHARACTERS) }),
    ...(command === undefined ? {} : { argv: fitting(command) }),
  };
}

function fitting(command: readonly string[]): string[] {
  const argv: string[] = [];
  let bytes = 0;
  for (const argument of command.slice(0, ARGUMENTS_MOST)) {
    const text = plainText(argument, ARGUMENT_CHARACTERS);
    bytes += Buffer.byteLength(JSON.stringify(text)) + 1;
    if (bytes > EVENT_BYTES / 2) break;
    argv.push(text);
  }
  return argv.length < command.length ? [...argv, "…"] : argv;
}

export class SessionAudit {
  readonly #writer: DeviceAuditWriter;
  readonly #log: Log;
  readonly #queue: KeyedQueue<"audit">;
  readonly #waiting: DeviceAuditEvent[] = [];
  #isRefusalLogged = false;

  constructor({ writer, log, clock }: { readonly writer: DeviceAuditWriter; readonly log: Log; readonly clock: Clock }) {
    this.#writer = writer;
    this.#log = log;
    this.#queue = new KeyedQueue<"audit">({
      handle: (_, signal) => this.#send(signal),
      onError: (_, error) => log.debug("cannot write to the audit; trying again", { error }),
      clock,
    });
  }

  /** Resolves with why not, when the server does not have it in time; null: it has it. */
  async begun(event: DeviceAuditEvent): Promise<string | null> {
    try {
      await this.#writer.write(event, AbortSignal.timeout(ACKNOWLEDGED_WITHIN_MS));
      return null;
    } catch (error) {
      return errorText(error);
    }
  }

  say(event: DeviceAuditEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length > WAITING_MOST) this.#waiting.shift();
    this.#queue.add("audit");
  }

  /** There is a connection again. */
  reconnected(): void {
    if (this.#waiting.length > 0) this.#queue.add("audit");
  }

  close(): Promise<void> {
    return this.#queue.close();
  }

  async #send(signal: AbortSignal): Promise<number | null> {
    const [event] = this.#waiting;
    if (event === undefined) return null;
    try {
      await this.#writer.write(event, signal);
    } catch (error) {
      const isNowhere = error instanceof MessagingError && ["NoStore", "PermissionDenied"].includes(error.code);
      if (!isNowhere) throw error;
      if (!this.#isRefusalLogged) this.#log.warn("this NATS keeps no audit of devices: what people do stands in this log alone", { error });
      this.#isRefusalLogged = true;
    }
    this.#waiting.shift();
    return this.#waiting.length === 0 ? null : 0;
  }
}
