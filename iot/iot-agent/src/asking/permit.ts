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
/** What `[remote] logs = false` closes. */
const LOOKS = new Set<string>(["logs", "doctor", "explain"]);
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
  if (verb !== "exec") return tooMany(open, verb === "logs" ? SESSIONS_MOST : Infinity);
  if (!remote.exec) return refused("NotPermitted", `${told} closes exec: [remote] exec = true would open it`);
  if (isShared) {
    const why = "the device shares its user of NATS with others, which could answer in its place";
    return refused("SharedCredential", `${why}: give it one of its own, named as it is (iot/deploy/nats/devices.conf)`);
  }
  return (
    tooMany(
      open.filter((one) => one.verb === "exec"),
      EXECS_MOST,
    ) ?? tooMany(open, SESSIONS_MOST)
  );
}

function tooMany(open: readonly OpenSession[], most: number): SessionStatus | null {
  if (open.length < most) return null;
  const who = open.map(({ verb, user, since }) => `${verb} of ${user} since ${since}`).join(", ");
  return {
    reason: "TooManySessions" satisfies AskingReason,
    message: `the device has ${open.length} sessions, as many as it takes: ${who}`,
  };
}
