// The program of a container may say "not now": while it is at work, nothing that was wished for
// stops its container, and the change or the removal waits whole. It waits until the program has
// ended its work, the container has ended, the time that the Score gives is over, or a person says
// so. The journal has since when it waits, so that an agent that starts anew goes on counting. What
// was begun is not held up half-way. Pure.

import { type Blocked as Obstacle, localDay, minuteOfDay } from "@harmony/core";
import type { Stage } from "./stage.ts";
import { isOnTrial, journal } from "./trial.ts";
import { isUp } from "../model/container-state.ts";
import { serviceOfName } from "../model/names.ts";
import type { Blocked } from "../model/reason.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { Waiting } from "../model/swap-record.ts";
import type { Target } from "../model/target.ts";
import { scoreOfLabel } from "../score/score-label.ts";

interface Seen {
  readonly deployment: string;
  /** The deployment's containers. */
  readonly own: readonly Container[];
  readonly snapshot: Snapshot;
}

export interface Awaited {
  /** A container that would be stopped may say that it is at work, whether or not it does now. */
  readonly mayWait: boolean;
  /** Those that are at work, by service; empty: nothing is waited for. */
  readonly blocked: readonly Blocked[];
  /** Since when, as the journal has it or is to have it. */
  readonly waiting: Waiting;
}

export const AT_WORK_RECHECK_MS = 5_000;

/** `target` null: the deployment is removed. `stops`: what the change or the removal would stop. */
export function awaited(
  { target, own, snapshot }: Omit<Seen, "deployment"> & { readonly target: Target | null },
  stops: readonly Step[],
): Awaited {
  const waiting = waitingOf(snapshot);
  const isBegun = target !== null && isOnTrial(snapshot.record, target) && snapshot.record.trial?.isAside === false;
  if (isBegun || waiting.isOver) return { mayWait: false, blocked: [], waiting };
  const names = new Set(stops.flatMap((step) => (step.kind === "stop" ? [step.container] : [])));
  const found = own
    .filter((one) => names.has(one.name) && isUp(one))
    .flatMap((one) => {
      const atMostMs = atMostMsOf(one, target);
      return atMostMs === null ? [] : [{ one, untilMs: Date.parse(waiting.since) + atMostMs }];
    })
    .filter(({ untilMs }) => snapshot.nowMs < untilMs);
  return {
    mayWait: found.length > 0,
    blocked: found
      .filter(({ one }) => one.isAtWork)
      .map(({ one, untilMs }) => inWords({ container: one, what: whatWaits(target), untilMs }, waiting, snapshot)),
    waiting,
  };
}

/** Writes down since when it waits. */
export const awaitWork: Stage<Seen & { readonly awaited: Awaited; readonly obstacles: readonly Obstacle[] }> = {
  name: "await-work",
  purpose: "a container that would be stopped is at work, and the journal says since when that is waited for",
  plan({ deployment, snapshot: { record }, awaited: { blocked, waiting }, obstacles }) {
    const [first] = blocked;
    if (first === undefined) return { stoodBack: "nothing that would be stopped is at work" };
    if (!obstacles.includes(first)) return { stoodBack: "something else has to be done before, whatever is at work" };
    if (record.waiting?.since === waiting.since) return { stoodBack: first.message };
    return [journal(deployment, { record: { ...record, waiting }, why: "it waits for a container that is at work" })];
  },
};

function waitingOf({ record, nowMs }: Snapshot): Waiting {
  const { waiting } = record;
  // A clock that was set back must not keep it waiting.
  if (waiting !== undefined && (waiting.isOver || Date.parse(waiting.since) <= nowMs)) return waiting;
  return { since: new Date(nowMs).toISOString(), isOver: false };
}

/**
 * Whether a container may say so is as it was made; for how long, the newest Score says that has the
 * service. null: it may not.
 */
function atMostMsOf({ name, deployment, scoreString }: Container, target: Target | null): number | null {
  const service = serviceOfName(deployment, name);
  const ofScore = (score: Target["score"] | null): number | undefined => score?.services.find((one) => one.name === service)?.busy?.atMost;
  const made = ofScore(scoreOfLabel(scoreString));
  return made === undefined ? null : (ofScore(target?.score ?? null) ?? made);
}

function whatWaits(target: Target | null): string {
  if (target === null) return "its removal";
  return target.kind === "desired" ? "the new version" : "the last good version";
}

function inWords(
  { container, what, untilMs }: { readonly container: Container; readonly what: string; readonly untilMs: number },
  { since }: Waiting,
  { nowMs, application: { program } }: Snapshot,
): Blocked {
  const { name, deployment } = container;
  const service = serviceOfName(deployment, name);
  const at = (text: string): string => {
    const day = localDay(new Date(text));
    return `${day === localDay(new Date(nowMs)) ? "" : `${day} `}${minuteOfDay(text)}`;
  };
  const until = at(new Date(untilMs).toISOString());
  const message = `${service} is at work since ${at(since)}; ${what} waits, at the latest until ${until}: \`${program} switch ${deployment}\` does not wait`;
  return { subject: service, reason: "Busy", message };
}
