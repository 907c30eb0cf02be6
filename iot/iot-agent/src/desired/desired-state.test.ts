// What others hear of is on disk: a worker that begins with a Score, or with a removal, finds it
// there again after a power cut.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, type Manifest } from "@iot/contracts";
import type { DeviceReader } from "@iot/messaging/device";
import { eventually, makeTempFolder } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { DesiredState } from "./desired-state.ts";
import { Problems } from "./problems.ts";
import { STATE_FILE, StateStore } from "./state-store.ts";

const device = asDeviceId("pi-1");
const log = createLog({ name: "test", write: () => undefined });
const names = ["a", "b", "c"].map(asDeploymentName);
const entry = (revision: number) => ({ revision, generation: revision, uid: "u", source: "git", namespace: "default" });

test("nobody hears of a Score or of a removal that is not on disk", async () => {
  const temporary = await makeTempFolder("desired");
  let manifest: Manifest = { sources: ["git"], deployments: {}, removed: {} };
  let revision = 0;
  const reader: DeviceReader = {
    readManifest: () => Promise.resolve({ kind: "found", revision, writtenAt: new Date(revision).toISOString(), manifest }),
    readScore: ({ revision: of }) => Promise.resolve({ kind: "found", score: { type: "X", data: {} }, scoreString: `score ${of}` }),
    notices: () => undefined,
  };
  const desired = new DesiredState({
    device,
    store: new StateStore({ folder: temporary.path, log }),
    problems: new Problems({ log }),
    log,
  });
  onTestFinished(async () => {
    await desired.close();
    await temporary.remove();
  });
  const onDisk = (): unknown => JSON.parse(readFileSync(join(temporary.path, STATE_FILE), "utf8"));
  const heard: string[] = [];
  desired.events.on("changed", (name) => {
    const record = desired.record(name);
    const what = record?.removing === true ? "removal" : record?.score?.scoreString;
    heard.push(`${name} ${what}`);
    expect(onDisk()).toMatchObject({ manifest: { revision: desired.manifestRevision }, deployments: { [name]: record } });
  });
  const say = async (deployments: Manifest["deployments"], removed: Manifest["removed"], ...expected: string[]): Promise<void> => {
    [manifest, revision] = [{ sources: ["git"], deployments, removed }, revision + 1];
    heard.length = 0;
    if (revision === 1) desired.follow(reader, new AbortController().signal);
    else desired.readAgain();
    await eventually(() => expected.every((line) => heard.includes(line)) || Promise.reject(new Error(`heard of ${heard.join(", ")}`)));
  };
  const all = (of: number) => Object.fromEntries(names.map((name) => [name, entry(of)]));

  await say(all(1), {}, ...names.map((name) => `${name} score 1`));
  await say(all(2), {}, ...names.map((name) => `${name} score 2`));
  await say({}, { a: { uid: "u", at: "", why: "" } }, "a removal", "b score 2", "c score 2");
  await say({ a: entry(2), b: entry(2) }, {}, "a score 2", "b score 2");
});
