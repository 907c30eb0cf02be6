// `iot logs`: what a deployment or the agent itself wrote, from the device. With --follow it goes
// on after an outage where it was, without a gap and without a line twice.

import { visibleJson, visibleLines, visibleText } from "@harmony/core";
import { errorText, systemClock, UserError } from "@harmony/runtime";
import { type DeviceId, LOG_TAIL_MOST, type LogLine } from "@iot/contracts";
import { type DeviceAsker, type Ended, type Messaging, MessagingError } from "@iot/messaging";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { asUserError, deviceOf, interruption, lastWord, PEOPLE_DETAILS, withAsker } from "./as-person.ts";
import { LogLines } from "./log-lines.ts";
import { targetOf } from "./target.ts";
import { devicesWith, theOnly } from "./where-it-runs.ts";
import { momentOf } from "./moment.ts";

const TAIL = "200";
const MOST_AT_ONCE = 5;

const OPTIONS = {
  agent: { type: "boolean", about: "what the agent of the device wrote, instead of a deployment" },
  follow: { type: "boolean", short: "f", about: "goes on with what is written from now on, also over an outage" },
  tail: {
    type: "string",
    value: "count",
    about: `the last lines of what was written before (default: ${TAIL}); all takes ${LOG_TAIL_MOST}`,
  },
  since: { type: "string", value: "when", about: "what was written since 10m, 2h, 1d ago, or since a time as 2026-01-31T10:00:00Z" },
  until: { type: "string", value: "when", about: "what was written until then" },
  grep: { type: "string", short: "g", value: "regex", about: "lines that match this regular expression of PCRE" },
  previous: { type: "boolean", short: "p", about: "what was written before the last start" },
  timestamps: { type: "boolean", about: "puts the time before each line, by the clock of the device" },
  prefix: { type: "boolean", about: "puts the device and the service before each line; of several devices it is there" },
  "all-devices": { type: "boolean", about: "of each device that has the deployment, as far as --max-log-requests lets" },
  "max-log-requests": { type: "string", value: "count", about: "how many devices at once (default: 5)" },
  raw: { type: "boolean", about: "leaves colours and other control characters as they are" },
  json: { type: "boolean", about: "each line as JSON, for programs" },
  ...NATS_OPTION,
} as const;

export const logs = defineCommand({
  options: OPTIONS,
  operands: [1, 100],
  details: `Without a device it is the one that has the deployment. ${PEOPLE_DETAILS}`,
  async run(values, operands, at) {
    const { nats, follow = false, agent = false } = values;
    const { devices: named, about, deployment } = agent ? agentsOf(operands) : deploymentOf(operands);
    const nowMs = Date.now();
    const fields = {
      ...about,
      follow,
      ...(values.grep === undefined ? {} : { grep: values.grep }),
      ...(values.previous === true ? { previous: true } : {}),
      ...(values.until === undefined ? {} : { until: momentOf(values.until, nowMs) }),
    };
    const begin = {
      ...(values.since === undefined ? {} : { since: momentOf(values.since, nowMs) }),
      tail: tailOf(values.tail ?? (values.since === undefined ? TAIL : "all")),
    };
    const most = Number(values["max-log-requests"] ?? MOST_AT_ONCE);
    return withAsker(nats, at, async (asker, messaging) => {
      const found = named.length > 0 || deployment === null ? named : await devicesWith(messaging, deployment, at.signal);
      const isAll = named.length > 0 || values["all-devices"] === true || deployment === null;
      const devices = isAll ? found : [theOnly(found, deployment)];
      if (!(devices.length <= most))
        throw new UserError(`${devices.length} devices are more than ${most} at once: name a few, or say --max-log-requests`, EXIT.usage);
      const prefix = values.prefix ?? devices.length > 1;
      return followAll(
        devices.map((device) => {
          const show = shower({ ...values, prefix }, device, at);
          return { device, follower: new Follower({ asker, messaging, device, fields, begin, show, at }) };
        }),
        { follow, at },
      );
    });
  },
});

/**
 * One that fails is said, and the others go on. Resolves with the code of the first that failed.
 */
async function followAll(
  all: readonly { readonly device: DeviceId; readonly follower: Follower }[],
  { follow, at }: { readonly follow: boolean; readonly at: Surroundings },
): Promise<number> {
  const [only, more] = all;
  if (only !== undefined && more === undefined) return only.follower.run(follow);
  const codes = await Promise.all(
    all.map(({ follower }) =>
      follower.run(follow).catch((error: unknown) => {
        at.signal.throwIfAborted();
        at.warn(visibleLines(`iot: ${errorText(error)}\n`));
        return error instanceof UserError ? error.exitCode : EXIT.failed;
      }),
    ),
  );
  return codes.find((code) => code !== 0) ?? 0;
}

interface Asked {
  readonly devices: readonly DeviceId[];
  readonly about: object;
  /** Null: the agent itself. */
  readonly deployment: string | null;
}

function agentsOf(operands: readonly string[]): Asked {
  return { devices: operands.map(deviceOf), about: { unit: "iot-agent" }, deployment: null };
}

function deploymentOf([target = "", ...devices]: readonly string[]): Asked {
  const about = targetOf(target);
  return { devices: devices.map(deviceOf), about, deployment: about.deployment };
}

function tailOf(text: string): number {
  const count = text === "all" ? LOG_TAIL_MOST : Number(text);
  if (Number.isSafeInteger(count) && count >= 0 && count <= LOG_TAIL_MOST && text.trim() !== "") return count;
  throw new UserError(
    `--tail takes a whole number up to ${LOG_TAIL_MOST}, or all; for more name a time with --since and --until`,
    EXIT.usage,
  );
}

type Show = (lines: readonly LogLine[]) => void;

function shower(
  {
    timestamps,
    prefix,
    raw,
    json,
  }: { readonly timestamps?: boolean; readonly prefix?: boolean; readonly raw?: boolean; readonly json?: boolean },
  device: DeviceId,
  { write }: Surroundings,
): Show {
  const timeOf = ({ t }: LogLine): string => new Date(t / 1_000).toISOString();
  const inWords = (line: LogLine): string => {
    const before = [
      ...(prefix === true ? [`[${line.n === undefined ? device : `${device}/${visibleText(line.n)}`}]`] : []),
      ...(timestamps === true ? [timeOf(line)] : []),
    ];
    return `${[...before, raw === true ? line.m : visibleText(line.m)].join(" ")}\n`;
  };
  const asJson = (line: LogLine): string =>
    visibleJson({ device, ...(line.n === undefined ? {} : { service: line.n }), time: timeOf(line), stream: line.s, message: line.m });
  const shown = json === true ? asJson : inWords;
  return (lines) => {
    if (lines.length > 0) write(lines.map(shown).join(""));
  };
}

interface FollowerOptions {
  readonly asker: DeviceAsker;
  readonly messaging: Messaging;
  readonly device: DeviceId;
  readonly fields: object;
  /** Where it begins, unless it goes on after a line. */
  readonly begin: object;
  readonly show: Show;
  readonly at: Surroundings;
}

const AGAIN_AFTER_MS = [200, 1_000, 2_000, 5_000];

class Follower {
  readonly #options: FollowerOptions;
  readonly #lines = new LogLines();
  readonly #startedAtMs = Date.now();
  #isWaitTold = false;
  #tries = 0;
  #wasOpen = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Resolves with the exit code. @throws UserError */
  async run(follow: boolean): Promise<number> {
    const { device, at } = this.#options;
    for (;;) {
      let ended: Ended;
      try {
        ended = await this.#once();
      } catch (error) {
        if (!follow || !this.#wasOpen || !mayComeBack(error)) throw asUserError(error, device);
        this.#tellWait(`${device} does not answer`);
        ended = { kind: "lost" };
      }
      const isOver = ended.kind === "status" ? ended.status.reason !== "AgentStopping" : !follow;
      if (isOver) {
        lastWord(ended, device);
        return 0;
      }
      this.#lines.interrupted();
      if (ended.kind !== "status") this.#tellWait(interruption(ended, device));
      await systemClock.sleep(AGAIN_AFTER_MS[Math.min(this.#tries, AGAIN_AFTER_MS.length - 1)] ?? 0, at.signal);
      this.#tries += 1;
    }
  }

  async #once(): Promise<Ended> {
    const { asker, device, fields, show, at } = this.#options;
    const session = await asker.ask({ device, verb: "logs", fields: { ...fields, ...this.#from() } }, at.signal);
    const leave = (): void => session.close();
    at.signal.addEventListener("abort", leave, { once: true });
    try {
      if (this.#isWaitTold) at.warn(`-- ${device} is back --\n`);
      this.#isWaitTold = false;
      this.#wasOpen = true;
      for await (const { channel, data } of session.incoming()) {
        this.#tries = 0;
        if (channel === "stdout") show(this.#lines.take(data));
        else if (channel === "notice") at.warn(visibleLines(`-- ${device}: ${Buffer.from(data).toString("utf8")} --\n`));
      }
      at.signal.throwIfAborted();
      return await session.ended;
    } finally {
      at.signal.removeEventListener("abort", leave);
    }
  }

  /** Before the first line there is nothing to go on after but the time. */
  #from(): object {
    const { begin } = this.#options;
    const { cursor } = this.#lines;
    if (cursor !== undefined) return { cursor };
    return this.#wasOpen ? { since: this.#startedAtMs, tail: LOG_TAIL_MOST } : begin;
  }

  #tellWait(why: string): void {
    if (this.#isWaitTold) return;
    this.#isWaitTold = true;
    this.#options.at.warn(`-- ${why}; waiting --\n`);
  }
}

function mayComeBack(error: unknown): boolean {
  return error instanceof MessagingError && (error.code === "NoStore" || error.code === "Timeout" || error.code === "NotConnected");
}
