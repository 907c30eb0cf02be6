// However secrets come, change and go, Scores change and passes are cut short: no container is made
// or started without its inputs (the model refuses), and in the end exactly the files and secrets
// of the containers exist, and no others.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { applyStep, pass } from "../../test/model-world.ts";
import { desired, inWords, snapshot } from "../../test/scene.ts";
import type { InputFacts, SecretFact } from "../model/input-facts.ts";
import { inputsOf } from "../model/inputs.ts";
import { plan } from "./planner.ts";
import type { Snapshot } from "../model/snapshot.ts";

const MAX_PASSES = 20;
const digest = (letter: string): string => letter.repeat(20);

const service = (name: string) =>
  fc.record(
    {
      name: fc.constant(name),
      image: fc.constantFrom("x:1", "x:2"),
      secrets: fc.subarray([{ name: "db" }, { name: "tls" }]),
      env: fc.constantFrom({}, { P: { secret: "db" } }, { P: { secret: "tls" }, Q: { secret: "db" } }),
      files: fc.constantFrom([], [{ path: "/etc/a", content: "x" }], [{ path: "/etc/a", content: "y" }]),
    },
    { requiredKeys: ["name", "image"] },
  );
const score = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(service("a")).map((services) => ({ services })) },
  { weight: 3, arbitrary: fc.tuple(service("a"), service("b")).map((services) => ({ services })) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const fact = fc.constantFrom<SecretFact>(
  { kind: "present", digest: digest("a") },
  { kind: "present", digest: digest("b") },
  { kind: "absent" },
);
const turn = fc.record({ score, db: fact, tls: fact, steps: fc.option(fc.nat(8)), isStoreLost: fc.boolean() });

function underway(world: Snapshot, secrets: InputFacts["secrets"], data: unknown, steps: number | null): Snapshot {
  let now: Snapshot = { ...world, host: { ...world.host, secrets } };
  for (const step of plan(desired(data), now).steps.slice(0, steps ?? Infinity)) now = applyStep(now, step);
  return pass(now);
}

function settle(world: Snapshot, data: unknown): Snapshot {
  let now = world;
  const trail: string[][] = [];
  for (let passes = 0; passes < MAX_PASSES; passes += 1) {
    const { steps } = plan(desired(data), now);
    if (steps.length === 0) return now;
    trail.push(steps.map(inWords));
    now = underway(now, now.host.secrets, data, null);
  }
  throw new Error(`no end after ${MAX_PASSES} passes: ${JSON.stringify(trail)}`);
}

test("what containers are given is there before them, and goes after them", () => {
  fc.assert(
    fc.property(fc.array(turn, { minLength: 1, maxLength: 5 }), (turns) => {
      let now = snapshot({ images: ["x:1", "x:2"] });
      for (const { score: data, db, tls, steps, isStoreLost } of turns) {
        now = underway(now, { db, tls }, data, steps);
        // The store is as after a repair; but nobody has the values that have changed since.
        const held = Object.entries({ db, tls }).flatMap(([name, one]) => (one.kind === "present" ? [`app_${name}.${one.digest}`] : []));
        if (isStoreLost) now = settle({ ...now, secrets: (now.secrets ?? []).filter((name) => !held.includes(name)) }, data);
      }
      const last = turns.at(-1)?.score ?? null;
      const end = settle(now, last);
      const want = desired(last);
      const services = want.data?.services ?? [];
      // Leftovers are removed only when all is well again.
      if (plan(want, end).blocked.length > 0) return;
      const labels = end.containers.map(({ inputs }) => inputs).join(" ");
      expect([...(end.secrets ?? []), ...end.host.mounts].filter((name) => !labels.includes(name))).toEqual([]);
      const needed = services.map((one) => inputsOf(one, { ...end, deployment: "app" }));
      for (const { name, inputs } of end.containers) {
        const index = services.findIndex((one) => name === `app_${one.name}`);
        if ((needed[index]?.missing.length ?? 0) === 0) expect(inputs).toBe(needed[index]?.label);
      }
      expect(end.containers).toHaveLength(services.length);
    }),
    { numRuns: 1_000 },
  );
});
