// The stages in which deployments exchange ports of the host in a circle, each planned for one of
// them: it makes itself ready, releases its ports when all are, records that it has proved itself,
// and goes back if another does. exchange.ts finds who is in a circle, and how far it is, from
// what all of them have written down.

import { createAll, pullAll } from "./make-ready.ts";
import { exchangeFor, partnerGoneBack } from "./exchange.ts";
import { judgements } from "./at-rest.ts";
import type { Situation, Wanted } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { exchange as exchangeSlot, stop } from "./swap.ts";
import { isOnTrial, journal, markBad } from "./trial.ts";
import type { Step } from "../model/step.ts";
import type { SwapRecord } from "../model/swap-record.ts";
import type { Reason } from "../model/reason.ts";

/**
 * What only one of them met would leave the others with ports that the old version of that one
 * needs.
 */
export const followPartner: Stage<Wanted> = {
  name: "follow-partner",
  purpose: "another deployment, with which this one has exchanged ports, has gone back",
  plan(wanted) {
    const { deployment, target, snapshot } = wanted;
    const { record, nowMs, application } = snapshot;
    const { trial } = record;
    if (trial === null || trial.isAside || !isOnTrial(record, target) || exchangeFor(record, target) === null)
      return { stoodBack: "the version has exchanged no ports with another that is on trial" };
    const gone = partnerGoneBack(wanted);
    if (gone === null) return { stoodBack: "none of those with which it has exchanged ports has gone back" };
    const { name, neighbour } = gone;
    if (gone.kind === "failed") {
      const why = `it has exchanged ports with deployment "${name}", whose new version failed, and goes back with it`;
      const failure = { service: "", reason: neighbour.record.verdict?.reason ?? ("Exited" satisfies Reason), why };
      return [journal(deployment, markBad({ deployment, target, failure, lastLines: [], record, nowMs, application }))];
    }
    const { at, count } = neighbour.record.trial?.setback ?? { at: new Date(nowMs).toISOString(), count: 1 };
    const why = `it exchanges ports with deployment "${name}", whose new version could not be started, and is tried again with it`;
    const setback = { service: target.score.services[0]?.name ?? "", reason: "PortInUse" satisfies Reason, why, at, count };
    return [
      journal(deployment, { record: { ...record, trial: { ...trial, setback, isAside: true } }, why: "the old version serves meanwhile" }),
    ];
  },
};

/**
 * Makes the containers while the old ones still run, and writes down that it can go. If something
 * else comes in its way, it takes that back.
 */
export const makeReady: Stage<Situation> = {
  name: "make-ready",
  purpose: "it exchanges ports with others, which go when each is ready",
  plan(situation) {
    const { deployment, target, snapshot, changing, obstacles, portWaits, ports, opened, awaited } = situation;
    const { record } = snapshot;
    const isUnmade = changing.some(({ wanted }) => wanted === "neither");
    const waits = portWaits.filter(({ kind }) => kind === "make-ready" || (kind === "release" && isUnmade));
    const others = obstacles.filter((one) => !waits.some(({ blocked }) => blocked === one));
    if (others.length > 0 && ports.exchange !== null && changing.length > 0)
      return [journal(deployment, { record: withoutExchange(record), why: "something keeps it from exchanging its ports" })];
    if (waits.length === 0) return { stoodBack: "it exchanges no ports, or all are ready" };
    if (others.length > 0) return { stoodBack: "something else stands in its way" };
    const members = ports.circle.length > 0 ? ports.circle : (ports.exchange?.with ?? []);
    const isSaid = ports.exchange !== null && ports.exchange.with.join() === members.join();
    const aside = opened === null || opened.trial === null ? record : { ...opened, trial: { ...opened.trial, isAside: true } };
    const said: SwapRecord = { ...aside, exchange: { to: target.scoreString, with: [...members], passed: false } };
    const steps: Step[] = [
      ...pullAll(changing, snapshot),
      ...createAll({ deployment, target, snapshot, changing }),
      // What may be at work is looked at again when all is made, just before it is said.
      ...(isSaid || (isUnmade && awaited.mayWait) ? [] : [journal(deployment, { record: said, why: "it is ready to exchange its ports" })]),
    ];
    return stepsOr(steps, "it is ready, and waits for the others");
  },
};

/**
 * Each stops what has a port that another waits for, and starts its new one as ports become free.
 */
export const releasePorts: Stage<Situation> = {
  name: "release-ports",
  purpose: "all that exchange ports are ready, and each releases its own",
  plan({ deployment, changing, strays, obstacles, portWaits, swap, isToBegin, opened }) {
    if (!portWaits.some(({ kind }) => kind === "release")) return { stoodBack: "no port is about to be exchanged, or all are released" };
    if (obstacles.length > 0) return { stoodBack: "something stands in its way" };
    if (changing.some(({ wanted }) => wanted === "neither")) return { stoodBack: "its new containers are not made yet" };
    const stops = [...strays.flatMap(stop), ...changing.flatMap((slot) => exchangeSlot(slot, swap).stop)];
    if (stops.length === 0) return { stoodBack: "its own ports are released, and it waits for those of the others" };
    const begin = isToBegin && opened !== null ? [journal(deployment, { record: opened, why: "a new version is on trial" })] : [];
    return [...begin, ...stops];
  },
};

export const tellPassed: Stage<Situation> = {
  name: "tell-passed",
  purpose: "it has proved itself, which those wait for with which it has exchanged ports",
  plan(situation) {
    const { deployment, target, snapshot, changing, strays, blocked, kept, ports } = situation;
    const { exchange } = ports;
    if (exchange === null || exchange.passed || target.kind !== "desired") return { stoodBack: "nobody waits for it to prove itself" };
    const isDone = changing.length === 0 && strays.length === 0 && blocked.length === 0 && kept.every(({ need }) => need === "nothing");
    if (!isDone || !judgements(situation).every(({ judged }) => judged.kind === "passed"))
      return { stoodBack: "it has not proved itself yet" };
    const record = { ...snapshot.record, exchange: { ...exchange, passed: true } };
    return [journal(deployment, { record, why: "it has proved itself, and waits for those with which it exchanged ports" })];
  },
};

export function withoutExchange({ exchange: _, ...record }: SwapRecord): SwapRecord {
  return record;
}
