// Any ports of up to four deployments of up to two services change hands in one push, and one of
// the new versions may be no good: wherever it is cut short, each deployment serves at the end, as
// a whole in its new version or as a whole in its old one.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ModelDevice } from "../../test/model-device.ts";
import type { Fate } from "../../test/model-world.ts";
import { container, desired, snapshot, version } from "../../test/scene.ts";
import { containerName, networkName } from "../model/names.ts";

const NAMES = ["d-0", "d-1", "d-2", "d-3"] as const;
const SERVICES = ["web", "api"] as const;
const POOL = [81, 82, 83, 84, 85, 86, 87, 88];

const ports = fc.shuffledSubarray(POOL, { minLength: POOL.length, maxLength: POOL.length });
const push = fc.record({
  services: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 2, maxLength: 4 }),
  before: ports,
  /** How many of the ports change hands, and how. */
  after: ports,
  moved: fc.integer({ min: 2, max: 8 }),
  fate: fc.constantFrom<Fate>("stays up", "ends", "is unhealthy", "cannot be started", "cannot be pulled"),
  /** Those whose program is at work when the push comes. */
  atWork: fc.subarray([...NAMES]),
  cuts: fc.array(fc.record({ steps: fc.nat(14), powerCut: fc.boolean() }), { maxLength: 3 }),
});

function score(image: string, services: number, from: readonly number[]) {
  return {
    services: SERVICES.slice(0, services).map((name, index) => ({
      name,
      image,
      ports: [`${from[index]}:80`],
      restart: "always",
      busy: { atMost: "1h" },
    })),
  };
}

type Push = typeof push extends fc.Arbitrary<infer Each> ? Each : never;

function deviceOf({ services, before, after, moved, fate }: Push): ModelDevice {
  // Those that do not move keep theirs.
  const held = before.slice(0, moved);
  const free = after.filter((port) => held.includes(port) || !before.slice(moved).includes(port));
  const next = before.map((port, index) => (index < moved ? (free[index] ?? port) : port));
  const absent = fate === "cannot be pulled" ? ["n0:2"] : [];
  const images = NAMES.flatMap((_, index) => [`n${index}:1`, `n${index}:2`]).filter((image) => !absent.includes(image));
  const deployed = services.map((count, index) => {
    const name = NAMES[index] ?? "";
    const [old, wanted] = [before, next].map((from, at) => score(`n${index}:${at + 1}`, count, from.slice(2 * index)));
    return {
      desired: desired(wanted, { name }),
      own: snapshot({
        images,
        absent,
        networks: count > 1 ? [networkName(name)] : [],
        containers: SERVICES.slice(0, count).map((service) => container(service, old, { deployment: name })),
        record: { good: version(old) },
        startList: SERVICES.slice(0, count).map((service) => containerName(name, service)),
      }),
    };
  });
  return new ModelDevice(deployed, { fates: { "n0:2": fate } });
}

/** By deployment, the versions that run. */
function running(device: ModelDevice): Record<string, string> {
  return Object.fromEntries(
    device.names.map((name) => {
      const own = device.containers.filter(({ deployment, state }) => deployment === name && state === "running");
      return [
        name,
        own
          .map(({ name: one, scoreString }) => `${one} ${/n\d:[12]/.exec(scoreString)?.[0]}`)
          .toSorted()
          .join(", "),
      ];
    }),
  );
}

test("nothing at work is stopped meanwhile, and each deployment serves at the end, wholly new or wholly old", () => {
  fc.assert(
    fc.property(push, (pushed) => {
      const device = deviceOf(pushed);
      const rounds = (): void => {
        for (let round = 0; round < 14; round += 1) {
          device.rest();
          device.goBy();
        }
      };
      const atWork = device.names.filter((name) => pushed.atWork.some((one) => one === name)).map((name) => containerName(name, "web"));
      device.work(atWork);
      const before = device.containers.filter(({ name }) => atWork.includes(name));
      device.cutAfter({ steps: pushed.moved, powerCut: false });
      device.rest();
      expect(device.containers.filter(({ isAtWork }) => isAtWork)).toEqual(before.map((one) => ({ ...one, isAtWork: true })));
      device.work([]);
      for (const cut of pushed.cuts) {
        device.cutAfter(cut);
        rounds();
      }
      rounds();
      const version = (which: 1 | 2) => (name: string, index: number) =>
        SERVICES.slice(0, pushed.services[index])
          .map((service) => `${containerName(name, service)} n${index}:${which}`)
          .toSorted()
          .join(", ");
      const seen = running(device);
      const wrong = device.names.filter((name, index) => ![version(1), version(2)].some((of) => of(name, index) === seen[name]));
      expect({ wrong, seen, trail: wrong.length === 0 ? [] : device.trail }).toEqual({ wrong: [], seen, trail: [] });
      if (pushed.fate === "stays up")
        expect({ seen, trail: device.trail }).toEqual({
          seen: Object.fromEntries(device.names.map((name, index) => [name, version(2)(name, index)])),
          trail: device.trail,
        });
    }),
    { numRuns: 150 },
  );
}, 120_000);
