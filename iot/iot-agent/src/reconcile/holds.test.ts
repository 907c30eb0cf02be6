import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { asDeploymentName } from "@iot/contracts";
import { eventually, makeTempFolder, type TempFolder } from "@iot/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type HoldRecord, Holds, type Now, remainingMs } from "./holds.ts";

const NOON = Date.parse("2026-06-01T12:00:00Z");
const HOUR = 3_600_000;
const record: HoldRecord = {
  reason: "serial port",
  forMs: 2 * HOUR,
  setAt: new Date(NOON).toISOString(),
  bootId: "first",
  setAtUptimeMs: 5 * HOUR,
};
const at = (bootId: string, uptimeMs: number, wallMs: number): Now => ({ bootId, uptimeMs, wallMs });

describe("what is left of a hold of two hours", () => {
  test.each([
    ["an hour later", at("first", 6 * HOUR, NOON + HOUR), HOUR],
    ["after its time", at("first", 7 * HOUR, NOON + 2 * HOUR), 0],
    ["an hour later, the clock set back by a year", at("first", 6 * HOUR, NOON - 8_760 * HOUR), HOUR],
    ["an hour later, the clock set forward by a year", at("first", 6 * HOUR, NOON + 8_760 * HOUR), HOUR],
    ["rebooted, an hour later", at("second", 0, NOON + HOUR), HOUR],
    ["rebooted, after its time", at("second", 0, NOON + 2 * HOUR), 0],
    ["rebooted with a clock from before the hold: nobody knows", at("second", 0, NOON - 1), 0],
    ["rebooted with a clock in the year 1970", at("second", 0, 0), 0],
  ])("%s", (_, now, left) => {
    expect(remainingMs(record, now)).toBe(left);
  });
});

const hello = asDeploymentName("hello");
let folder: TempFolder;
let changes: string[];
let lines: string[];
let now: Omit<Now, "bootId">;
beforeEach(async () => {
  folder = await makeTempFolder("holds");
  [changes, lines] = [[], []];
  now = { uptimeMs: 5 * HOUR, wallMs: NOON };
});
afterEach(() => folder.remove());

async function open(bootId = "first"): Promise<Holds> {
  const holds = new Holds({
    folder: folder.path,
    bootId,
    log: createLog({ name: "t", format: "text", write: (line) => void lines.push(line) }),
    now: () => now,
  });
  holds.events.on("changed", (name) => changes.push(name));
  await holds.load();
  return holds;
}

test("holds over a restart and a reboot, and is reported with its end", async () => {
  const first = await open();
  expect(await first.hold(hello, { forMs: 2 * HOUR, reason: "serial port" })).toEqual({
    reason: "serial port",
    until: "2026-06-01T14:00:00.000Z",
  });
  expect(changes).toEqual(["hello"]);
  await first.close();
  now = { uptimeMs: 5.5 * HOUR, wallMs: NOON + 0.5 * HOUR };
  expect((await open()).get(hello)?.until).toBe("2026-06-01T14:00:00.000Z");
  now = { uptimeMs: 0, wallMs: NOON + HOUR };
  expect((await open("second")).get(hello)?.until).toBe("2026-06-01T14:00:00.000Z");
});

test("after a reboot neither a clock set back nor one set forward makes it longer", async () => {
  await (await open()).hold(hello, { forMs: 2 * HOUR, reason: "serial port" });
  now = { uptimeMs: 0, wallMs: NOON + HOUR };
  const second = await open("second");
  now = { uptimeMs: HOUR, wallMs: NOON };
  expect(second.get(hello)).toBeNull();
  now = { uptimeMs: 60_000, wallMs: NOON + 3 * HOUR };
  expect(second.get(hello)).toBeNull();
});

test("ends by itself, is reported, and is forgotten", async () => {
  const holds = await open();
  await holds.hold(hello, { forMs: 20, reason: "serial port" });
  now = { uptimeMs: 6 * HOUR, wallMs: NOON + HOUR };
  await eventually(() => Promise.resolve(changes.length === 2), { what: "the hold ends" });
  await holds.close();
  expect(lines.join("")).toContain("the time of a hold is over");
  expect((await open()).get(hello)).toBeNull();
});

test("is released by a person; what was not held says so", async () => {
  const holds = await open();
  expect(await holds.release(hello)).toBe(false);
  await holds.hold(hello, { forMs: HOUR, reason: "serial port" });
  expect(await holds.release(hello)).toBe(true);
  await holds.close();
  expect((await open()).get(hello)).toBeNull();
});

test("whoever hears that a hold has begun or ended finds it so on disk", async () => {
  const holds = await open();
  const seen: string[] = [];
  holds.events.on("changed", (name) => {
    const onDisk = readFileSync(join(folder.path, "holds.json"), "utf8");
    seen.push(`${holds.get(name) === null ? "free" : "held"} ${onDisk.includes("serial port") ? "held" : "free"}`);
  });
  await holds.hold(hello, { forMs: HOUR, reason: "serial port" });
  const releasing = holds.release(hello);
  expect(holds.get(hello)).not.toBeNull();
  await releasing;
  await holds.hold(hello, { forMs: HOUR, reason: "serial port" });
  await holds.forget(hello);
  await holds.close();
  expect(seen).toEqual(["held held", "free free", "held held", "free free"]);
});

test("a release that the disk does not take counts, and a person hears that it ends with a restart", async () => {
  const holds = await open();
  const { until } = await holds.hold(hello, { forMs: HOUR, reason: "serial port" });
  await folder.remove();
  await writeFile(folder.path, "");
  await expect(holds.release(hello)).rejects.toThrow(`should the agent start again, it is held until ${until}`);
  expect(holds.get(hello)).toBeNull();
  expect(changes).toEqual([hello, hello]);
});

test("held anew while it is released: it is held", async () => {
  const holds = await open();
  await holds.hold(hello, { forMs: HOUR, reason: "serial port" });
  const releasing = holds.release(hello);
  await holds.hold(hello, { forMs: HOUR, reason: "another" });
  await releasing;
  await holds.close();
  expect(holds.get(hello)).toMatchObject({ reason: "another" });
  expect((await open()).get(hello)).toMatchObject({ reason: "another" });
});

test("a hold that cannot be kept over a reboot is none", async () => {
  await writeFile(join(folder.path, "file"), "");
  const nowhere = new Holds({
    folder: join(folder.path, "file"),
    bootId: "first",
    log: createLog({ name: "t", write: () => undefined }),
  });
  await expect(nowhere.hold(hello, { forMs: HOUR, reason: "serial port" })).rejects.toThrow(/EEXIST|ENOTDIR/);
  expect(nowhere.get(hello)).toBeNull();
  expect(changes).toEqual([]);
});

test("a hold that cannot be kept leaves the one before it", async () => {
  const holds = await open();
  const before = await holds.hold(hello, { forMs: 2 * HOUR, reason: "serial port" });
  await folder.remove();
  await writeFile(folder.path, "");
  await expect(holds.hold(hello, { forMs: HOUR, reason: "another" })).rejects.toThrow(/EEXIST|ENOTDIR/);
  expect(holds.get(hello)).toEqual(before);
});

test("a damaged file holds nothing, is kept aside and reported", async () => {
  await writeFile(join(folder.path, "holds.json"), '{"format":1,"holds":{"hello":');
  expect((await open()).get(hello)).toBeNull();
  expect(lines.join("")).toContain("holds.json.corrupt");
});
