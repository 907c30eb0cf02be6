// `iot exec`: a command in a container of a deployment. Its exit code is this one's.

import { visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import type { SessionEnd } from "@iot/messaging";
import { asUserError, deviceOf, interruption, lastWord, PEOPLE_DETAILS, withAsker } from "./as-person.ts";
import { defineCommand } from "../command-line/command.ts";
import { Escape } from "./escape.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { type OwnTerminal, ownTerminal } from "./own-terminal.ts";
import { targetOf } from "./target.ts";

const OPTIONS = {
  stdin: { type: "boolean", short: "i", about: "what is typed, or piped in, goes to the command" },
  tty: { type: "boolean", short: "t", about: "gives it this terminal; Enter and ~. leaves it" },
  ...NATS_OPTION,
} as const;

/** What podman and docker end with for a failure of their own. */
const OURS = 125;

export const exec = defineCommand({
  options: OPTIONS,
  operands: [3, 300],
  details: `Ends with the exit code of the command; with ${OURS} when it could not be run or was cut off, 126 when it is no program, 127 when it is not in the image. The device permits it by exec = true under [remote] in its config.toml. ${PEOPLE_DETAILS}`,
  async run({ stdin = false, tty = false, nats }, [target = "", text = "", ...command], at) {
    const device = deviceOf(text);
    const terminal = ownTerminal();
    if (tty && !terminal.isTerminal) throw new UserError("-t needs a terminal, and this is a pipe or a file: leave it out", EXIT.usage);
    const fields = { ...targetOf(target), command, stdin, ...(tty ? { tty, term: terminal.type, size: terminal.size() } : {}) };
    return withAsker(nats, at, async (asker) => {
      const session = await asker.ask({ device, verb: "exec", fields }, at.signal).catch((error: unknown) => {
        throw asUserError(error, device);
      });
      const leave = (): void => session.close();
      at.signal.addEventListener("abort", leave, { once: true });
      return converse({ session, device, terminal, hasInput: stdin, hasTerminal: tty });
    });
  },
});

interface Conversation {
  readonly session: SessionEnd;
  readonly device: DeviceId;
  readonly terminal: OwnTerminal;
  readonly hasInput: boolean;
  readonly hasTerminal: boolean;
}

async function converse({ session, device, terminal, hasInput, hasTerminal }: Conversation): Promise<number> {
  if (hasTerminal) {
    terminal.raw();
    terminal.onResize(() => void session.write("resize", Buffer.from(JSON.stringify(terminal.size()))).catch(() => undefined));
  }
  try {
    // It ends with the session.
    if (hasInput) void forwardInput(session, terminal, hasTerminal ? new Escape() : null).catch(() => undefined);
    for await (const { channel, data } of session.incoming()) {
      if (channel === "stdout" || channel === "stderr")
        terminal.write(channel === "stdout" ? "out" : "err", hasTerminal || !terminal.isOutputTerminal ? data : cleaned(data));
    }
  } finally {
    terminal.restore();
  }
  const ended = await session.ended;
  if (ended.kind === "left") throw new UserError("left; the command may go on in the container", OURS);
  if (ended.kind !== "status") throw new UserError(`interrupted: ${interruption(ended, device)}`, OURS);
  const { exitCode, reason } = ended.status;
  if (reason === undefined) return exitCode ?? 0;
  try {
    lastWord(ended, device);
  } catch (error) {
    if (error instanceof UserError && error.exitCode === EXIT.failed)
      throw new UserError(error.message, exitCode ?? OURS, { cause: error });
    throw error;
  }
  return OURS;
}

/** A program that was not given a terminal has no business with it. */
function cleaned(data: Uint8Array): Uint8Array {
  return Buffer.from(visibleLines(Buffer.from(data).toString("utf8")));
}

async function forwardInput(session: SessionEnd, terminal: OwnTerminal, escape: Escape | null): Promise<void> {
  for await (const typed of terminal.input()) {
    const { data, isLeaving } = escape?.take(typed) ?? { data: typed, isLeaving: false };
    await session.write("stdin", data);
    if (isLeaving) return session.close();
  }
  session.endOfInput();
}
