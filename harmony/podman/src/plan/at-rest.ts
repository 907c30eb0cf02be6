// Plans for a version with nothing left to change or keep up: has it proved itself, and is all
// recorded and cleared away?

import { canonicalJson, lookUp } from "@harmony/schema";
import { judge, type Judgement } from "./gate.ts";
import type { Kept } from "./kept.ts";
import { discardNetworks } from "./make-ready.ts";
import { removeUnusedInputs } from "./plan-inputs.ts";
import { isPrevious, type Situation } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { startListOf } from "./start-list.ts";
import { discard } from "./swap.ts";
import { type Entry, isOnTrial, journal } from "./trial.ts";
import { needsNetwork } from "../model/container-spec.ts";
import type { SwapRecord } from "../model/swap-record.ts";
import type { Target } from "../model/target.ts";

/**
 * Records that the version is good, a service has recovered, a hold has ended, or a person has
 * stopped something.
 */
export const recordProved: Stage<Situation> = {
  name: "record-proved",
  purpose: "the version has proved itself, or what the journal says of its containers is over",
  plan(situation) {
    const { deployment, target, kept, snapshot } = situation;
    const isSteady = judgements(situation).every(
      ({ slot: { crash }, judged }) => judged.kind === "passed" && (crash.kind === "nothing" || crash.kind === "recovered"),
    );
    const entry = remember(snapshot.record, kept, target.kind === "desired" && isSteady ? target : null);
    return entry === null ? { stoodBack: "the journal says how things are" } : [journal(deployment, entry)];
  },
};

/** Records what a boot starts without the agent. */
export const recordStartList: Stage<Situation> = {
  name: "record-start-list",
  purpose: "other containers are to run after a power cut than the start list says",
  plan({ deployment, kept, snapshot: { record, startList } }) {
    const containers = startListOf(kept, record);
    if (containers.join() === startList.join()) return { stoodBack: "the start list is as it should be" };
    return [{ kind: "recordStart", deployment, containers }];
  },
};

/** Removes the previous containers, which nothing needs any more. */
export const discardPrevious: Stage<Situation> = {
  name: "discard-previous",
  purpose: "the version before is not needed any more",
  plan: ({ own }) => stepsOr(own.filter(isPrevious).flatMap(discard), "no version before is kept"),
};

export const discardInputs: Stage<Situation> = {
  name: "discard-inputs",
  purpose: "files or secrets are there that no container has",
  plan: ({ own, kept, snapshot }) => stepsOr(removeUnusedInputs(own, kept, snapshot), "every file and secret is some container's"),
};

export const discardNetwork: Stage<Situation> = {
  name: "discard-network",
  purpose: "the version needs no network of its own",
  plan: ({ target, snapshot }) =>
    needsNetwork(target.score)
      ? { stoodBack: "the version needs its network" }
      : stepsOr(discardNetworks(snapshot), "there is no network of it"),
};

/**
 * How long the trial has to be waited for, by service; empty: there is no trial, or each service
 * has proved itself.
 */
export function trialWaits(situation: Situation): { readonly service: string; readonly againInMs: number | null }[] {
  if (situation.from === null || !isOnTrial(situation.snapshot.record, situation.target)) return [];
  return judgements(situation).flatMap(({ slot, judged }) =>
    judged.kind === "pending" ? [{ service: slot.service.name, againInMs: judged.againInMs }] : [],
  );
}

export function judgements({ target, kept, snapshot: { record } }: Situation): { readonly slot: Kept; readonly judged: Judgement }[] {
  const trial = isOnTrial(record, target) ? record.trial : null;
  return kept.map((slot) => ({ slot, judged: judge(slot, slot.current, trial) }));
}

/**
 * The new record for a deployment at rest; null: it is written already. `proved`: the version that
 * may be called good.
 */
function remember(record: SwapRecord, kept: readonly Kept[], proved: Target | null): Entry | null {
  const recovered = kept.filter(({ crash }) => crash.kind === "recovered").map(({ service }) => service.name);
  const isNews = proved !== null && (record.good?.scoreString !== proved.scoreString || record.trial !== null || record.verdict !== null);
  const stopped = stoppedByHand(kept, record);
  const isStopNews = canonicalJson(stopped) !== canonicalJson(record.stopped);
  const { exchange, waiting, ...rest } = record;
  if (!isNews && record.held.length === 0 && recovered.length === 0 && !isStopNews && exchange === undefined && waiting === undefined)
    return null;
  const good = isNews ? { good: { revision: proved.revision, scoreString: proved.scoreString }, trial: null, verdict: null } : {};
  const crashes = Object.fromEntries(Object.entries(record.crashes).filter(([service]) => !recovered.includes(service)));
  return {
    record: { ...rest, ...good, crashes, held: [], stopped },
    why: isNews
      ? "the version is good"
      : record.held.length > 0
        ? "what was stopped for a while runs again"
        : isStopNews
          ? "what a person has stopped"
          : exchange !== undefined
            ? "the exchange of ports is over"
            : waiting !== undefined
              ? "nothing waits for a container at work any more"
              : "a service has recovered",
  };
}

function stoppedByHand(kept: readonly Kept[], { crashes }: SwapRecord): SwapRecord["stopped"] {
  return Object.fromEntries(
    kept.flatMap(({ service, current: { name, state, stoppedByUser, exitedAtMs } }) =>
      state === "exited" && stoppedByUser && exitedAtMs !== null && lookUp(crashes, service.name) === undefined ? [[name, exitedAtMs]] : [],
    ),
  );
}
