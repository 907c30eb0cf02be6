// Ports that change hands between deployments of one device, in circles of two and three and in
// chains: wherever the agent is killed or the power goes, all come to the new versions, or all stay
// with, or go back to, those that were good.

import { describe, expect, test } from "vitest";
import { type Cut, ModelDevice } from "../../test/model-device.ts";
import type { Fate } from "../../test/model-world.ts";
import { container, desired, snapshot, version } from "../../test/scene.ts";
import { containerName } from "../model/names.ts";

const NAMES = ["east", "north", "south"] as const;
const OLD = ["x:1", "y:1", "z:1"] as const;
const NEW = ["x:2", "y:2", "z:2"] as const;

function web(image: string, port: number): { services: { name: string; image: string; ports: string[]; restart: string }[] } {
  return { services: [{ name: "web", image, ports: [`${port}:80`], restart: "always" }] };
}

/** `from` and `to`: the port of each, before and after. */
function deviceOf(
  { from, to }: { from: readonly number[]; to: readonly number[] },
  { fate = "stays up", onStep, absent = [] }: { fate?: Fate; onStep?: (device: ModelDevice) => void; absent?: readonly string[] } = {},
): ModelDevice {
  const images = [...OLD, ...NEW].filter((image) => !absent.includes(image));
  const deployed = from.map((port, index) => {
    const name = NAMES[index] ?? "";
    const before = web(OLD[index] ?? "", port);
    return {
      desired: desired(web(NEW[index] ?? "", to[index] ?? 0), { name }),
      own: snapshot({
        images,
        absent,
        containers: [container("web", before, { deployment: name })],
        record: { good: version(before) },
        startList: [containerName(name, "web")],
      }),
    };
  });
  return new ModelDevice(deployed, { fates: { [NEW[0]]: fate }, ...(onStep === undefined ? {} : { onStep }) });
}

/** By deployment: the image that runs, and whatever is beside it. */
function running(device: ModelDevice): Record<string, string> {
  return Object.fromEntries(
    device.names.map((name) => {
      const own = device.containers.filter(({ deployment }) => deployment === name);
      const said = own.map((one) => `${one.name.replace(`${name}_web`, "")}${/[xyz]:[12]/.exec(one.scoreString)?.[0]} ${one.state}`);
      return [name, said.toSorted().join(", ")];
    }),
  );
}

function all(device: ModelDevice, images: readonly string[]): Record<string, string> {
  return Object.fromEntries(device.names.map((name, index) => [name, `${images[index]} running`]));
}

const SHAPES = [
  { what: "a circle of two", from: [81, 82], to: [82, 81] },
  { what: "a circle of three", from: [81, 82, 83], to: [82, 83, 81] },
  { what: "a circle of three, the other way round", from: [81, 82, 83], to: [83, 81, 82] },
  { what: "a chain of two", from: [81, 82], to: [82, 83] },
  { what: "a chain of three", from: [81, 82, 83], to: [84, 81, 82] },
  { what: "two that exchange theirs, and one beside", from: [81, 82, 83], to: [82, 81, 83] },
];
const CIRCLES = SHAPES.filter(({ what }) => what.startsWith("a circle"));

/** Every cut that there is until nothing is left to do; then pairs of them. */
function cuts(make: () => ModelDevice): readonly (readonly Cut[])[] {
  const whole = make();
  whole.settle();
  const at = Array.from({ length: whole.stepsDone + 1 }, (_, steps) => steps);
  const single = at.flatMap((steps) => [false, true].map((powerCut) => [{ steps, powerCut }]));
  const twice = single.flatMap(([first]) =>
    first === undefined ? [] : [3].flatMap((steps) => [false, true].map((powerCut) => [first, { steps, powerCut }])),
  );
  return [...single, ...twice];
}

function expectDone(device: ModelDevice, images: readonly string[]): void {
  expect({ at: running(device), trail: device.trail }).toEqual({ at: all(device, images), trail: device.trail });
  for (const name of device.names) {
    const { record } = device.of(name).own;
    expect({ name, exchange: record.exchange, trial: record.trial }).toEqual({ name, exchange: undefined, trial: null });
  }
}

describe.each(SHAPES)("$what", ({ from, to }) => {
  test("comes to the new versions, whatever is cut short", () => {
    const make = (): ModelDevice => deviceOf({ from, to });
    for (const sequence of cuts(make)) {
      const device = make();
      for (const cut of sequence) {
        device.cutAfter(cut);
        device.settle();
      }
      expectDone(device, NEW);
    }
  });
});

describe.each(CIRCLES)("$what", ({ from, to }) => {
  test.each<Fate>(["ends", "is restarted", "is unhealthy", "cannot be started"])(
    "one that %s takes all of the circle back, whatever is cut short",
    (fate) => {
      const make = (): ModelDevice => deviceOf({ from, to }, { fate });
      for (const sequence of cuts(make)) {
        const device = make();
        for (const cut of sequence) {
          device.cutAfter(cut);
          device.settle();
        }
        expectDone(device, OLD);
        for (const name of device.names) expect(device.of(name).own.record.verdict).not.toBeNull();
      }
    },
  );

  test("one that cannot be pulled: nobody moves, and each says why", () => {
    const make = (onStep?: (device: ModelDevice) => void): ModelDevice =>
      deviceOf({ from, to }, { fate: "cannot be pulled", absent: [NEW[0]], ...(onStep === undefined ? {} : { onStep }) });
    let isPowered = true;
    const stays = (device: ModelDevice): void => {
      if (!isPowered) return;
      const up = device.containers.filter(({ state }) => state === "running").map(({ name }) => name);
      expect(up).toEqual(device.names.map((name) => containerName(name, "web")));
    };
    const device = make(stays);
    for (let round = 0; round < 10; round += 1) {
      for (const name of device.names) device.pass(name);
      device.goBy();
    }
    for (const name of device.names.slice(1)) {
      const { blocked } = device.plan(name);
      expect(blocked).toMatchObject([{ reason: "PortInUse" }]);
      expect(blocked[0]?.message).toContain(`"east" is not: image "x:2" does not exist`);
    }
    isPowered = false;
    device.powerCut();
    for (let round = 0; round < 10; round += 1) {
      for (const name of device.names) device.pass(name);
      device.goBy();
    }
    isPowered = true;
    stays(device);
  });

  test("one whose start fails for what may pass: the old ones of all serve between the tries, until it is over", () => {
    const device = deviceOf({ from, to }, { fate: "finds its port taken" });
    device.rest();
    for (let tries = 0; tries < 4; tries += 1) {
      const up = device.containers
        .filter(({ state }) => state === "running")
        .map(({ name, scoreString }) => `${name} ${/[xyz]:[12]/.exec(scoreString)?.[0]}`);
      expect({ up: up.toSorted(), trail: device.trail }).toEqual({
        up: device.names.map((name, index) => `${name}_web ${OLD[index]}`),
        trail: device.trail,
      });
      // The next try.
      for (let minutes = 0; minutes < 12; minutes += 1) device.goBy();
      device.rest();
    }
    device.fates = {};
    for (let minutes = 0; minutes < 12; minutes += 1) device.goBy();
    device.settle();
    expectDone(device, NEW);
  });
});
