// Whether a question is answered, as a table: what NATS let through, and what the device's own
// configuration says, which has the last word. Pure.

import { COMMAND_VERBS, type CommandVerb, type SessionStatus } from "@iot/contracts";
import type { RemotePolicy } from "../config/config.ts";
import type { AskingReason } from "./reasons.ts";

export interface OpenSession {
  readonly id: string;
  readonly verb: CommandVerb;
  readonly user: string;
  /** RFC 3339. */
  readonly since: string;
  /** What it is about. */
  readonly target?: string | undefined;
}

export interface Asked {
  readonly verb: string;
  /** Null: the server does not say who asks. */
  readonly by: { readonly user: string } | null;
  readonly remote: RemotePolicy;
  readonly configFile: string;
  /** Other devices may have the same user of NATS, and could answer in this one's place. */
  readonly isShared: boolean;
  readonly open: readonly OpenSession[];
}

const SESSIONS_MOST = 8;
const EXECS_MOST = 2;
const FORWARDS_MOST = 16;
/** What `[remote] logs = false` closes. */
const LOOKS = new Set<string>(["logs", "doctor", "explain", "sessions"]);
const VERBS = new Set<string>(COMMAND_VERBS);

/** Null: it is answered. */
export function refusalOf(asked: Asked): SessionStatus | null {
  const { verb, by, remote, configFile, isShared, open } = asked;
  const refused = (reason: AskingReason, message: string): SessionStatus => ({ reason, message });
  if (by === null) {
    return refused(
      "UnknownCaller",
      "this NATS does not say who asks, so the device answers nobody: it takes the accounts of iot/deploy/nats",
    );
  }
  if (!VERBS.has(verb)) return refused("UnknownVerb", `the agent of this device does not know ${verb}: it is of an earlier version`);
  const told = `${configFile} of the device`;
  if (remote.users !== null && !remote.users.includes(by.user))
    return refused("NotPermitted", `${told} does not name ${by.user} under [remote] users`);
  if (LOOKS.has(verb) && !remote.logs) return refused("NotPermitted", `${told} closes ${verb}: [remote] logs = true would open it`);
  const forwards = open.filter((one) => one.verb === "forward");
  const others = open.filter((one) => one.verb !== "forward");
  if (verb !== "exec" && verb !== "forward") return tooMany(others, verb === "logs" ? SESSIONS_MOST : Infinity);
  if (verb === "exec" && !remote.exec) return refused("NotPermitted", `${told} closes exec: [remote] exec = true would open it`);
  if (verb === "forward" && remote.forward.length === 0)
    return refused("NotPermitted", `${told} closes all ports: [remote] forward = [22] would open that of ssh`);
  if (isShared) {
    const why = "the device shares its user of NATS with others, which could answer in its place";
    return refused("SharedCredential", `${why}: give it one of its own, named as it is (iot/deploy/nats/devices.conf)`);
  }
  if (verb === "forward") return tooMany(forwards, FORWARDS_MOST);
  return (
    tooMany(
      others.filter((one) => one.verb === "exec"),
      EXECS_MOST,
    ) ?? tooMany(others, SESSIONS_MOST)
  );
}

function tooMany(open: readonly OpenSession[], most: number): SessionStatus | null {
  if (open.length < most) return null;
  const who = open.map(({ id, verb, user, since }) => `${verb} of ${user} since ${since} (${id.slice(0, 8)})`).join(", ");
  return {
    reason: "TooManySessions" satisfies AskingReason,
    message: `the device has ${open.length} sessions, as many as it takes: ${who}; iot sessions <device> end <id> ends one`,
  };
}
