// What a machine says of itself, read from files as the kernel has them.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeTempFolder } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { disksOf, temperatureLimitOf } from "./machine-facts.ts";

test("the limit is the lowest point at which the kernel throttles or halts", async () => {
  const folder = await makeTempFolder("thermal");
  onTestFinished(() => folder.remove());
  expect(await temperatureLimitOf(folder.path)).toBeNull();
  const zone = async (name: string, points: readonly (readonly [type: string, millidegrees: string])[]): Promise<void> => {
    await mkdir(join(folder.path, name));
    for (const [index, [type, millidegrees]] of points.entries()) {
      await writeFile(join(folder.path, name, `trip_point_${index}_type`), `${type}\n`);
      await writeFile(join(folder.path, name, `trip_point_${index}_temp`), `${millidegrees}\n`);
    }
  };
  await zone("thermal_zone0", [
    ["active", "50000"],
    ["critical", "110000"],
  ]);
  await zone("thermal_zone1", [
    ["critical", "-274000"],
    ["hot", "garbage"],
  ]);
  await zone("cooling_device0", []);
  expect(await temperatureLimitOf(folder.path)).toBe(110);
});

test("a disk is named once, by whole twentieths of it, and a folder that is not there is left out", async () => {
  const disks = await disksOf(["/", "/does/not/exist", "/etc"]);
  expect(disks.map(({ path }) => path)).toContain("/");
  expect(disks.map(({ path }) => path)).not.toContain("/does/not/exist");
  for (const { bytes, availableBytes } of disks) {
    const parts = (availableBytes / bytes) * 20;
    expect(Math.abs(parts - Math.round(parts))).toBeLessThan(0.001);
  }
});
