// Answers what people ask: whether (permit.ts), and with what (the files beside it). Each question
// is a session; a verb without a stream has its whole answer in the last frame. Who asks and for
// what stands in the agent's log and in the audit. Nothing here knows what a workload is made of:
// logs and commands are abilities of the Score's variant.

import { formatIssues, plainText, Unable, type UnableReason } from "@harmony/core";
import { type Clock, errorText, systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import {
  COMMAND_LIMIT_BYTES,
  COMMAND_VERBS,
  CommandRequest,
  type CommandVerb,
  type DeviceAuditEvent,
  type SessionStatus,
} from "@iot/contracts";
import { type Command, openDeviceAudit } from "@iot/messaging/device";
import { type SessionEnd, SessionEnded, SessionTable } from "@iot/messaging/sessions";
import type { AnswererOptions, Answering } from "./answering.ts";
import { type OpenSession, refusalOf } from "./permit.ts";
import type { AskingReason } from "./reasons.ts";
import { aboutOf, SessionAudit } from "./session-audit.ts";
import { forwardPort } from "./forward-port.ts";
import { runCommand } from "./run-command.ts";
import { sendLogs } from "./send-logs.ts";
import { answerShortly } from "./short-verbs.ts";

const HEARS = ["stdin", "resize", "credit", "close"] as const;
const LASTS_MOST_MS = 8 * 3_600_000;
const TOLD_CHARACTERS = 200;
const UNAVAILABLE = "AuditUnavailable" satisfies AskingReason;
const LOOKS: ReadonlySet<CommandVerb> = new Set(["ping", "explain", "doctor", "sessions"]);

export class Answerer {
  readonly #options: AnswererOptions;
  readonly #clock: Clock;
  readonly #sessions: SessionTable;
  readonly #open = new Map<string, OpenSession & { readonly end: SessionEnd }>();
  readonly #audit: SessionAudit;
  #isUnknownLogged = false;
  #isSharedLogged = false;

  constructor(options: AnswererOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#sessions = new SessionTable(this.#clock);
    const { messaging, device, log } = options;
    this.#audit = new SessionAudit({ writer: openDeviceAudit(messaging, device), log, clock: this.#clock });
    this.#endWithConnection();
    // A reply is permitted on the connection on which the question came.
    messaging.onReconnect(() => {
      this.#endWithConnection();
      this.#audit.reconnected();
    });
  }

  /** Returns whether there is such a session, or was. */
  input(session: string, frame: Uint8Array): boolean {
    return this.#sessions.receive(session, frame);
  }

  answer(command: Command): void {
    const request = parseJson(CommandRequest, command.data, { bytes: COMMAND_LIMIT_BYTES, values: 500, depth: 4 });
    // Without an id nothing could be said into a session; a word is answered all the same.
    const id = request.ok ? request.value.session : "";
    if (this.#sessions.has(id)) return;
    const end = this.#sessions.open(id, { send: command.respond, hears: HEARS });
    const refused = request.ok
      ? this.#refusal(command)
      : { reason: "WrongRequest" satisfies UnableReason, message: formatIssues(request.issues) };
    const verb = COMMAND_VERBS.find((each) => each === command.verb);
    if (refused !== null || verb === undefined) return end.finish(refused ?? { reason: "UnknownVerb" satisfies AskingReason });
    this.#converse(verb, end, command, id).catch((error: unknown) =>
      this.#options.log.warn("a session ended by a mistake of the agent", { verb, error }),
    );
  }

  close(): void {
    for (const { end } of this.#open.values())
      end.finish({ reason: "AgentStopping" satisfies AskingReason, message: "the agent of the device stops; it may start again at once" });
    void this.#audit.close();
  }

  #endWithConnection(): void {
    this.#options.messaging.lost().addEventListener("abort", () => this.#sessions.lost(), { once: true });
  }

  #refusal({ verb, by }: Command): SessionStatus | null {
    const { messaging, device, remote, configFile, log } = this.#options;
    const isShared = messaging.user() !== device;
    const refused = refusalOf({ verb, by, remote, configFile, isShared, open: [...this.#open.values()] });
    if (by === null && !this.#isUnknownLogged) {
      this.#isUnknownLogged = true;
      log.warn("a question is refused: this NATS does not say who asks", { verb });
    } else if (refused !== null) log.info("a person's question is refused", { verb, user: by?.user, reason: refused.reason });
    else if (isShared && verb === "logs" && !this.#isSharedLogged) {
      this.#isSharedLogged = true;
      log.warn("a log is sent, and whoever has the same user of NATS may hear it, too", { user: messaging.user() });
    }
    return refused;
  }

  async #converse(verb: CommandVerb, end: SessionEnd, { data, by }: Command, id: string): Promise<void> {
    const about = { verb, user: plainText(by?.user ?? "", TOLD_CHARACTERS), from: plainText(by?.host ?? "", TOLD_CHARACTERS) };
    const asked = { session: id.slice(0, 8), ...about, ...aboutOf(data) };
    const isLooking = LOOKS.has(verb);
    const { log } = this.#options;
    log[isLooking ? "debug" : "info"]("a person asks", { ...asked, asked: inItsWords(data) });
    this.#open.set(id, { id, verb, user: about.user, since: this.#now(), target: asked.target, end });
    // The first word: the question has come.
    end.say();
    let outcome = "";
    try {
      if (!isLooking) await this.#audited({ what: "open", at: this.#now(), ...asked }, verb);
      const status = await this.#answerOf(verb, end, { data, id });
      outcome = status.exitCode === undefined ? "done" : `exit code ${status.exitCode}`;
      end.finish(status);
    } catch (error) {
      if (!(error instanceof SessionEnded)) {
        const status = statusOf(error);
        outcome = status.reason ?? "";
        end.finish(status);
      }
    } finally {
      this.#open.delete(id);
      const { kind } = await end.ended;
      const { sent, received } = end.bytes;
      const over = { ...asked, outcome: outcome === "" ? kind : outcome, sent, received };
      if (!isLooking) {
        log.info("a person's session is over", over);
        if (outcome !== UNAVAILABLE) this.#audit.say({ what: "end", at: this.#now(), ...over });
      }
    }
  }

  /** What reaches into a container or a port begins only when it is written down. */
  async #audited(event: DeviceAuditEvent, verb: CommandVerb): Promise<void> {
    if (verb !== "exec" && verb !== "forward") return this.#audit.say(event);
    const why = await this.#audit.begun(event);
    if (why === null) return;
    throw new Refused(UNAVAILABLE, `who begins it could not be written down, so it is not begun: ${why}`);
  }

  async #answerOf(
    verb: CommandVerb,
    session: SessionEnd,
    { data, id }: { readonly data: Uint8Array; readonly id: string },
  ): Promise<SessionStatus> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Unable("TooLong", "a session lasts at most 8 hours")), LASTS_MOST_MS);
    const signal = AbortSignal.any([session.signal, late.signal]);
    const answering: Answering = { options: this.#options, session, data, others: () => this.#others(id) };
    try {
      switch (verb) {
        case "logs":
          return await sendLogs(answering, signal);
        case "exec":
          return await runCommand(answering, signal);
        case "forward":
          return await forwardPort(answering, signal);
        default:
          return await answerShortly(verb, answering, signal);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #others(own: string): ReturnType<Answering["others"]> {
    const message = "a person has ended it (iot sessions)";
    return [...this.#open.values()]
      .filter(({ id }) => id !== own)
      .map((one) => ({ ...one, end: () => one.end.finish({ reason: "EndedByPerson" satisfies AskingReason, message }) }));
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

class Refused extends Error {
  readonly reason: AskingReason;
  constructor(reason: AskingReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Without the id, which lets its reader into the session. */
function inItsWords(data: Uint8Array): string {
  const text = Buffer.from(data).toString("utf8");
  return plainText(text.replace(/"session":"\w*",?/, ""), TOLD_CHARACTERS);
}

function statusOf(error: unknown): SessionStatus {
  const message = plainText(errorText(error), 1_000);
  if (error instanceof Refused) return { reason: error.reason, message };
  if (!(error instanceof Unable)) return { reason: "Failed" satisfies AskingReason, message };
  return { reason: error.reason, message, ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }) };
}
