// `iot-agent hold`, `release`, `retry` and `switch`: a person takes a deployment out of the agent's
// hands for a time, gives it back, or has something done now that the agent would not do by itself.

import { localTime } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { Done, HeldUntil, HOLD_MAX_SECONDS, Released } from "@iot/contracts";
import { EXIT } from "./agent/exit-codes.ts";
import { type Command, parseCommandLine } from "./command.ts";

export const hold: Command = {
  usage: 'hold <deployment> --for 2h --reason "…"',
  summary: "stop a deployment for a time, to use what it uses",
  details: `
Its containers are stopped and stay so until the time is over or it is released, also over a reboot; the fleet sees it as Held, with the reason.
--for takes 90s, 30m, 2h or 1d, at most 7d.
`,
  async run(args, at) {
    const options = { for: { type: "string" }, reason: { type: "string" } } as const;
    const { values, positionals } = parseCommandLine(args, { usage: this.usage, options, positionals: [1, 1] });
    const { for: duration, reason } = values;
    if (duration === undefined || reason === undefined || reason.trim() === "")
      throw new UserError(`say for how long and why, for whoever wonders in the fleet; usage: iot-agent ${this.usage}`, EXIT.usage);
    const [name = ""] = positionals;
    const body = { seconds: parseDuration(duration), reason: reason.trim() };
    const { until } = await at.agent.ask(HeldUntil, { method: "POST", path: `/deployments/${encodeURIComponent(name)}/hold`, body });
    at.write(
      `${name} is held until ${localTime(Date.parse(until))}, at the latest; its containers are being stopped: iot-agent status shows when\n`,
    );
    return 0;
  },
};

export const release: Command = {
  usage: "release <deployment>",
  summary: "end a hold",
  async run(args, at) {
    const { positionals } = parseCommandLine(args, { usage: this.usage, options: {}, positionals: [1, 1] });
    const [name = ""] = positionals;
    const { wasHeld } = await at.agent.ask(Released, { method: "POST", path: `/deployments/${encodeURIComponent(name)}/release` });
    at.write(wasHeld ? `${name} is released and is started again\n` : `${name} was not held\n`);
    return 0;
  },
};

export const retry: Command = {
  usage: "retry <deployment>",
  summary: "try again now what failed or is waited for",
  async run(args, at) {
    const { positionals } = parseCommandLine(args, { usage: this.usage, options: {}, positionals: [1, 1] });
    const [name = ""] = positionals;
    await at.agent.ask(Done, { method: "POST", path: `/deployments/${encodeURIComponent(name)}/retry` });
    at.write(`${name} is tried again: iot-agent explain ${name} tells how it goes\n`);
    return 0;
  },
};

export const switchNow: Command = {
  usage: "switch <deployment>",
  summary: "do not wait for a container that is at work",
  details: `
A new version or a removal that is Busy, for a container says that it is at work (busy in the Score), is made now. Look before that its machine may be stopped.
`,
  async run(args, at) {
    const { positionals } = parseCommandLine(args, { usage: this.usage, options: {}, positionals: [1, 1] });
    const [name = ""] = positionals;
    await at.agent.ask(Done, { method: "POST", path: `/deployments/${encodeURIComponent(name)}/switch` });
    at.write(`${name} does not wait any longer: iot-agent explain ${name} tells how it goes\n`);
    return 0;
  },
};

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400 };

/** In seconds. @throws UserError */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|min|h|d)$/.exec(text.trim());
  const seconds = Math.round(Number(match?.[1]) * (UNIT_SECONDS[match?.[2] ?? ""] ?? Number.NaN));
  if (Number.isNaN(seconds) || seconds < 1)
    throw new UserError(`"${text}" is no time to hold something for: write 90s, 30m, 2h or 1d`, EXIT.usage);
  if (seconds > HOLD_MAX_SECONDS)
    throw new UserError(
      `${text} is longer than a hold may last (${HOLD_MAX_SECONDS / 86_400}d): have the deployment removed instead`,
      EXIT.usage,
    );
  return seconds;
}
