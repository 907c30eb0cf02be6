import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import type { BaoRead } from "@iot/identity/device";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FetchedSecrets } from "./fetched-secrets.ts";

const found = (value: unknown): BaoRead => ({ kind: "found", version: 1, data: { value } });
const NONE: BaoRead = { kind: "absent", wasDeleted: false };
const DELETED: BaoRead = { kind: "absent", wasDeleted: true };
const DOWN: BaoRead = { kind: "unknown", why: "OpenBao at https://bao says HTTP 503: Vault is sealed" };
const OWN = "devices/pi-1/secrets/db";
const SHARED = "groups/kilns/secrets/db";

let folder: string;
let answers: Record<string, BaoRead>;
let asked: string[];
let nowMs: number;
let lines: string[];
let secrets: FetchedSecrets;
const opened = (): FetchedSecrets =>
  new FetchedSecrets({
    folder: join(folder, "secrets"),
    device: "pi-1",
    bao: { read: (path) => (asked.push(path), Promise.resolve(answers[path] ?? NONE)) },
    group: () => Promise.resolve("kilns"),
    log: createLog({ name: "test", format: "json", write: (line) => void lines.push(line) }),
    clock: { now: () => nowMs, monotonicMs: () => nowMs, sleep: () => Promise.resolve() },
  });
const read = async (): Promise<string | null> => (await secrets.read("db"))?.toString() ?? null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fetched-"));
  [answers, asked, nowMs, lines] = [{}, [], 1_000_000, []];
  secrets = opened();
});
afterEach(() => rm(folder, { recursive: true }));

test("a secret is asked for once, kept for its owner alone, and there for the next process without OpenBao", async () => {
  answers[OWN] = found("one");
  expect(await Promise.all([read(), read()])).toEqual(["one", "one"]);
  expect(await read()).toBe("one");
  expect(asked).toEqual([OWN]);
  const file = join(folder, "secrets", "db.secret");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  answers[OWN] = DOWN;
  secrets = opened();
  expect(await read()).toBe("one");
  expect(lines.join("")).not.toContain('"one"');
});

test("its own goes before its group's; the group's is asked for only when OpenBao has no own", async () => {
  answers[SHARED] = found("shared");
  expect(await read()).toBe("shared");
  answers[OWN] = found("own");
  expect(await secrets.refresh()).toEqual({ changed: ["db"], problems: [] });
  expect(await read()).toBe("own");
  answers[OWN] = DOWN;
  expect(await secrets.refresh()).toEqual({ changed: [], problems: [DOWN.why] });
  expect(await read()).toBe("own");
});

test("one that is nowhere is asked for ever more seldom, and its cure says the path and why", async () => {
  expect(secrets.cure("db")).toContain("it was not asked yet");
  expect(await read()).toBeNull();
  expect(secrets.cure("db")).toBe(
    "write it into OpenBao as iot/devices/pi-1/secrets/db (`bao kv put -mount=iot devices/pi-1/secrets/db value=…`; OpenBao answers that there is none)",
  );
  const times = asked.length;
  expect(await read()).toBeNull();
  expect(asked).toHaveLength(times);
  answers[OWN] = found("late");
  nowMs += 10_001;
  expect(await read()).toBe("late");
});

test("a person who says so does not wait, and what is another makes that known once", async () => {
  let changes = 0;
  secrets.events.on("changed", () => (changes += 1));
  expect(await read()).toBeNull();
  answers[OWN] = found("now");
  expect(await secrets.refresh()).toEqual({ changed: ["db"], problems: [] });
  expect(await secrets.refresh()).toEqual({ changed: [], problems: [] });
  expect([await read(), changes]).toEqual(["now", 1]);
});

describe("a secret that the device has", () => {
  beforeEach(async () => {
    answers[OWN] = found("kept");
    await read();
  });
  test.each<[string, BaoRead, string]>([
    ["stays while OpenBao is away", DOWN, "sealed"],
    ["stays when OpenBao has lost it", NONE, "OpenBao answers that there is none"],
    ["stays when what stands there is none", found({ no: "text" }), 'has no field "value"'],
  ])("%s", async (_what, answer, why) => {
    answers[OWN] = answer;
    expect(await secrets.refresh()).toEqual({ changed: [], problems: [expect.stringContaining(why)] });
    expect(await readFile(join(folder, "secrets", "db.secret"), "utf8")).toBe("kept");
  });
  test("goes when somebody deleted it", async () => {
    answers[OWN] = DELETED;
    expect(await secrets.refresh()).toEqual({ changed: ["db"], problems: [] });
    expect(await readdir(join(folder, "secrets"))).toEqual([]);
    expect(secrets.cure("db")).toContain("it was deleted there");
  });
});

test("a disk that takes nothing is a sentence, and no fault of the device", async () => {
  await writeFile(join(folder, "secrets"), "a file in the folder's place");
  answers[OWN] = found("one");
  expect(await read()).toBeNull();
  expect(secrets.cure("db")).toContain("it cannot be kept on the disk: ");
});

test("what is no text is written in base64", async () => {
  answers[OWN] = { kind: "found", version: 2, data: { base64: Buffer.from([0, 255]).toString("base64") } };
  expect(await secrets.read("db")).toEqual(Buffer.from([0, 255]));
});
