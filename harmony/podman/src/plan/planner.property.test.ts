// From any state, and wherever a pass is cut short, plans applied to a model world end in an empty
// plan, with what the Score says and nothing else of its deployment. No container of another
// deployment is touched on the way.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { applyStep, type Fates, fateOf, pass, powerCut } from "../../test/model-world.ts";
import { container, desired, inWords, proved, snapshot } from "../../test/scene.ts";
import { containerName, networkName, nextName, volumeName } from "../model/names.ts";
import { plan } from "./planner.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import { answerFailure } from "./answer-failure.ts";

const NAMES = ["a", "b", "c"] as const;
const IMAGES = ["x:1", "x:2", "x:3"] as const;
const MAX_PASSES = 12;

const service = (name: string) =>
  fc.record(
    {
      name: fc.constant(name),
      image: fc.constantFrom(...IMAGES),
      pull: fc.constantFrom("missing", "newer", "never"),
      restart: fc.constantFrom("always", "unless-stopped", "on-failure:2", "no"),
      volumes: fc.constantFrom([], ["data:/data"]),
      busy: fc.constantFrom({ atMost: "1m" }, { atMost: "2m" }),
    },
    { requiredKeys: ["name", "image"] },
  );

/** Each service may hold one of three ports; no two of one Score hold the same. */
const score = fc
  .record({
    services: fc.subarray([...NAMES], { minLength: 1 }).chain((names) => fc.tuple(...names.map(service))),
    ports: fc.shuffledSubarray([81, 82, 83, null, null, null], { minLength: 6, maxLength: 6 }),
  })
  .map(({ services, ports }) => ({
    services: services.map((one, index) => {
      const port = ports[index] ?? null;
      return port === null ? one : { ...one, ports: [`${port}:80`] };
    }),
  }));

const state = fc.record({
  state: fc.constantFrom<Container["state"]>("created", "running", "paused", "stopping", "exited", "broken"),
  stoppedByUser: fc.boolean(),
  exitCode: fc.constantFrom(0, 1),
  restarts: fc.nat(3),
  isAtWork: fc.boolean(),
});

/** A world in which any of our names may exist, made from any Score, in any state. */
const world = fc
  .record({
    scores: fc.array(score, { minLength: 1, maxLength: 3 }),
    have: fc.array(
      fc.record({ name: fc.constantFrom(...NAMES), role: fc.constantFrom("final", "next", "stray"), from: fc.nat(2), state }),
      { maxLength: 6 },
    ),
    others: fc.array(fc.record({ from: fc.nat(2), state }), { maxLength: 2 }),
    images: fc.subarray([...IMAGES]),
    networks: fc.subarray([networkName("app")]),
    volumes: fc.subarray([volumeName("app", "data")]),
  })
  .map(({ scores, have, others, images, networks, volumes }) => {
    const from = (index: number): { services: { name: string }[] } => scores[index % scores.length] ?? { services: [] };
    const own = have.map(({ name, role, from: index, state: more }) =>
      container(name, from(index), {
        ...more,
        name: role === "final" ? containerName("app", name) : role === "next" ? nextName("app", name) : `by-hand-${name}`,
      }),
    );
    const foreign = others.map(({ from: index, state: more }) => {
      const data = from(index);
      const first = data.services[0]?.name ?? "a";
      return container(first, data, { ...more, deployment: "other", name: containerName("other", `${first}${index}`) });
    });
    const byName = new Map([...own, ...foreign].map((one) => [one.name, one]));
    // Two running containers cannot hold one port; the later is down then.
    const held = new Set<number>();
    const containers = [...byName.values()].map((one): Container => {
      const up = one.state === "running" || one.state === "paused" || one.state === "stopping";
      if (!up) return one;
      if (one.ports.some(({ hostPort }) => held.has(hostPort))) return { ...one, state: "exited" };
      for (const { hostPort } of one.ports) held.add(hostPort);
      return one;
    });
    const seen = snapshot({ images, absent: IMAGES.filter((image) => !images.includes(image)), networks, volumes, containers });
    return { seen, scores };
  });

/** One pass, cut short after `steps` of its steps. */
function runPass(seen: Snapshot, want: ReturnType<typeof desired>, fates: Fates = {}, steps = Infinity): Snapshot {
  const others = seen.containers.filter(({ deployment }) => deployment !== "app");
  let now = seen;
  for (const step of plan(want, seen).steps.slice(0, steps)) {
    const isRefused = step.kind === "start" && fateOf(now, step.container, fates) === "cannot be started";
    if (isRefused && step.trial === null) return now;
    if (isRefused && step.trial !== null) {
      const outcome = {
        kind: "failed",
        subject: step.service,
        reason: "StartFailed",
        message: "",
        code: "failed",
        detail: "no such program",
      } as const;
      return answerFailure({ step, outcome, nowMs: now.nowMs }).reduce(applyStep, now);
    }
    now = applyStep(now, step);
    expect(now.containers.filter(({ deployment }) => deployment !== "app")).toEqual(others);
  }
  return now;
}

function settle(seen: Snapshot, want: ReturnType<typeof desired>, fates: Fates = {}): Snapshot {
  let now = pass(seen, fates);
  const trail: string[][] = [];
  for (let passes = 0; passes < MAX_PASSES; passes += 1) {
    const { steps } = plan(want, now);
    if (steps.length === 0) return now;
    trail.push(steps.map(inWords));
    now = pass(runPass(now, want, fates), fates);
  }
  throw new Error(`no end after ${MAX_PASSES} passes: ${JSON.stringify(trail)}`);
}

/** A version that has failed its trial has given way to the good one before it. */
function inForce({ record }: Snapshot, want: ReturnType<typeof desired>): ReturnType<typeof desired> {
  if (record.verdict === null || record.verdict.of.scoreString !== want.scoreString || record.good === null) return want;
  const { data } = z.parse(z.object({ data: z.unknown() }), JSON.parse(record.good.scoreString));
  return desired(data);
}

/** The faults of an end state; empty when all is well. */
function faults(end: Snapshot, want: ReturnType<typeof desired>): string[] {
  const own = end.containers.filter(({ deployment }) => deployment === "app");
  const services = want.data?.services ?? [];
  const down = services.filter(
    ({ name, restart }) =>
      restart.policy === "always" && !own.some((one) => one.name === containerName("app", name) && one.state === "running"),
  );
  const names = services.map(({ name }) => containerName("app", name));
  // A container that a person paused, or a call stopped, has not proved itself, so the good version
  // is kept.
  const isKeptDown =
    end.record.trial !== null &&
    own.some(({ name, state: is, stoppedByUser }) => names.includes(name) && (is === "paused" || (is === "exited" && stoppedByUser)));
  return [
    ...(want.data === null ? end.networks.map((network) => `network ${network} is left`) : []),
    ...own.filter(({ name }) => !names.includes(name) && !(isKeptDown && name.endsWith(".old"))).map(({ name }) => `${name} is left`),
    ...names.filter((name) => !own.some((one) => one.name === name)).map((name) => `${name} is missing`),
    ...down.map(({ name }) => `${name} is down`),
  ];
}

test("plans end in what the Score says, also when passes are cut short and the Score changes meanwhile", () => {
  const cuts = fc.array(fc.record({ steps: fc.nat(8), score: fc.nat(2) }), { maxLength: 4 });
  fc.assert(
    fc.property(world, cuts, fc.option(fc.nat(2), { freq: 6 }), ({ seen, scores }, cut, final) => {
      const scoreAt = (index: number): unknown => scores[index % scores.length] ?? null;
      let now = seen;
      for (const { steps, score: index } of cut) now = pass(runPass(now, desired(scoreAt(index)), {}, steps));
      const want = desired(final === null ? null : scoreAt(final));
      const end = settle(now, want);
      const isBlocked = plan(want, end).blocked.length > 0;
      expect(isBlocked ? [] : faults(end, inForce(end, want))).toEqual([]);
      // No volume is ever lost.
      expect(end.volumes).toEqual(expect.arrayContaining([...seen.volumes]));
    }),
    { numRuns: 1_000 },
  );
});

/** All services should always run: one that does not stay up is at fault. */
const lasting = score.map(({ services }) => ({ services: services.map((one) => ({ ...one, pull: "missing", restart: "always" })) }));

test("what was good serves at the end if the new version does not, whatever the new one does and wherever it is cut short", () => {
  const cuts = fc.array(fc.record({ steps: fc.nat(12), powerCut: fc.boolean(), isLost: fc.boolean() }), { maxLength: 4 });
  const fate = fc.constantFrom("stays up", "ends", "is restarted", "is unhealthy", "cannot be started");
  fc.assert(
    fc.property(lasting, lasting, fate, cuts, (before, after, badly, cut) => {
      const good = { services: before.services.map((one) => ({ ...one, image: "x:1" })) };
      const fates = { "x:3": badly };
      const want = desired(after);
      let now = snapshot({
        ...proved(good),
        images: IMAGES,
        networks: good.services.length > 1 ? [networkName("app")] : [],
        volumes: [volumeName("app", "data")],
        containers: good.services.map(({ name }) => container(name, good)),
      });
      for (const { steps, powerCut: isCut, isLost } of cut) {
        now = pass(runPass(now, want, fates, steps), fates);
        if (isCut) now = powerCut(now);
        // The journal is corrupt, and is kept aside.
        if (isLost) now = { ...now, record: snapshot().record };
      }
      const end = settle(now, want, fates);
      const isBad = badly !== "stays up" && after.services.some(({ image }) => image === "x:3");
      const isGone = end.record.verdict?.of.scoreString === want.scoreString;
      if (!cut.some(({ isLost, powerCut }) => isLost || powerCut))
        expect(isGone).toBe(isBad && want.scoreString !== desired(good).scoreString);
      expect(faults(end, isGone ? desired(good) : want)).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

test("nothing that serves is touched before all images are there", () => {
  fc.assert(
    fc.property(score, score, (before, after) => {
      const running = before.services.map(({ name }) => container(name, before));
      const networks = before.services.length > 1 ? [networkName("app")] : [];
      const volumes = [volumeName("app", "data")];
      const { steps } = plan(desired(after), snapshot({ absent: IMAGES, networks, volumes, containers: running }));
      const pulls = steps.filter(({ kind }) => kind === "pull");
      expect(steps.slice(0, pulls.length).map(inWords)).toEqual(pulls.map(inWords));
    }),
  );
});
