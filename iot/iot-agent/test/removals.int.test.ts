// What leaves a device and what stays, over a real NATS and the file variant: a manifest that says
// what is to go, another device id, and what was removed before. Stores that are wiped or put back
// are in faults.int.test.ts.

import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asDeviceId, type Manifest } from "@iot/contracts";
import { eventually, type NatsServer, startNats } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { connectAgent } from "../src/commands/agent/agent-client.ts";
import { clean } from "../src/commands/clean.ts";
import type { Surroundings } from "../src/commands/command.ts";
import { Central } from "./central.ts";
import { type FileDevice, fileScore, makeFileDevice } from "./file-agent.ts";

let nats: NatsServer;
let central: Central;
let device: FileDevice;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats?.stop());
beforeEach(async () => {
  central = await Central.connect(nats.url);
  device = await makeFileDevice();
});
afterEach(async () => {
  await device[Symbol.asyncDispose]();
  // The next test's device starts with an empty bucket.
  for (const bucket of ["desired-state", "status", "inventory"])
    await central.messaging.connection.request(`$JS.API.STREAM.DELETE.KV_${bucket}`);
  await central.close();
});

const holds = (name: string, content: string | null): Promise<true> =>
  eventually(
    async () => {
      const found = await device.content(name);
      return found === content || Promise.reject(new Error(`${name} holds ${found}`));
    },
    { what: `${name} holds ${content}` },
  );
const phase = (name: string, wanted: string) =>
  central.untilStatus(`${name} is ${wanted}`, ({ deployments }) => deployments[name]?.phase === wanted);

const mark = (uid: string) => ({ uid, at: "2026-01-01T00:00:00Z", why: "deleted in git" });
/** The manifest of an operator that says what is to go. */
const say = (wanted: Parameters<Central["apply"]>[0], removed: Manifest["removed"] = {}) => central.apply(wanted, ["test"], removed);
const reason = (name: string, wanted: string) =>
  central.untilStatus(`${name} is ${wanted}`, ({ deployments }) => deployments[name]?.reason === wanted);
const restart = async (as?: Parameters<FileDevice["start"]>[1]): Promise<void> => {
  await device.stop();
  device.start(nats.url, as);
};

describe("a manifest that says what is to go", () => {
  test("removes that, and shows what it only leaves out, also after a restart", async () => {
    device.start(nats.url);
    await say({ a: fileScore("a"), b: fileScore("b"), c: fileScore("c") });
    for (const name of ["a", "b", "c"]) await phase(name, "Running");
    await say({ c: fileScore("c") }, { a: mark("uid-a"), b: mark("uid-of-another") });
    await holds("a", null);
    const shown = (await reason("b", "NotNamed")).deployments["b"];
    expect(shown).toMatchObject({ phase: "Running", desiredRevision: null, source: "test" });
    expect(shown?.message).toContain("no manifest names it any more, and none says that it was deleted: it stays");
    expect(await device.files()).toEqual(["b.FileV0", "c.FileV0"]);
    // It is kept up as before, without a network too.
    await device.stop();
    await rm(join(device.folder, "b.FileV0"));
    device.start("nats://127.0.0.1:1");
    await holds("b", "b");
    await restart();
    await say({ c: fileScore("c") }, { b: mark("uid-b") });
    await holds("b", null);
    await central.untilStatus("it is gone", ({ deployments }) => Object.keys(deployments).join() === "c");
  });

  test.each<[string, Manifest["sources"]]>([
    ["an empty manifest", ["test"]],
    ["one that nobody has written in", []],
    ["one of a stranger", ["elsewhere"]],
  ])("empties no device: %s", async (_, sources) => {
    device.start(nats.url);
    await say({ a: fileScore("a"), b: fileScore("b") });
    await phase("a", "Running");
    await phase("b", "Running");
    await central.apply({}, sources, {});
    await reason("a", "NotNamed");
    await reason("b", "NotNamed");
    expect(await device.files()).toEqual(["a.FileV0", "b.FileV0"]);
    await say({ a: fileScore("a"), b: fileScore("b") });
    await reason("a", "Running");
    await reason("b", "Running");
  });

  test("does not start what was removed before, over a restart too, unless it has changed or a person asks", async () => {
    const wanted = (more: object = {}) => ({ hello: { scoreString: fileScore("one"), ...more } });
    const remove = async (uid: string): Promise<void> => {
      await say({}, { hello: mark(uid) });
      await holds("hello", null);
      await central.untilStatus("it is gone", ({ deployments }) => Object.keys(deployments).length === 0);
    };
    device.start(nats.url);
    await say(wanted({ generation: 4 }));
    await holds("hello", "one");
    await remove("uid-hello");
    await say(wanted({ generation: 4 }));
    const shown = (await reason("hello", "RemovedBefore")).deployments["hello"];
    expect(shown).toMatchObject({ phase: "Pending", runningRevision: null });
    expect(shown?.message).toMatch(
      /^was removed on \d{4}-\d\d-\d\d \d\d:\d\d UTC; the store may be an older copy: change the deployment, or confirm it with `iot-agent retry hello`$/,
    );
    await restart();
    const since = shown?.since ?? "";
    const startedAt = new Date().toISOString();
    const again = await central.untilStatus(
      "another agent says the same",
      ({ deployments: { hello }, reportedAt }) => hello?.reason === "RemovedBefore" && reportedAt > startedAt,
    );
    expect(again.deployments["hello"]?.since).toBe(since);
    expect(await device.files()).toEqual([]);
    // The newer copy comes back: nothing is left of it.
    await say({});
    await central.untilStatus("it is forgotten", ({ deployments }) => Object.keys(deployments).length === 0);

    await say(wanted({ generation: 5 }));
    await holds("hello", "one");
    await remove("uid-hello");
    await say(wanted({ generation: 1, uid: "another" }));
    await holds("hello", "one");
    await remove("another");
    await say(wanted({ generation: 1, uid: "another" }));
    await reason("hello", "RemovedBefore");
    await device.ask("POST", "/deployments/hello/retry");
    await holds("hello", "one");
    await restart();
    await reason("hello", "Running");
  });

  test("makes an agent without memory keep what it finds; a person removes that, and not what is named", async () => {
    const stored = (revision: string) => JSON.stringify({ revision, scoreString: fileScore("one"), content: "one" });
    await writeFile(join(device.folder, "found.FileV0"), stored("4 of test"));
    await writeFile(join(device.folder, "others.FileV0"), stored("5 of elsewhere"));
    await writeFile(join(device.folder, "unlabelled.FileV0"), stored("whatever"));
    device.start(nats.url);
    await say({ hello: fileScore("one") }, { found: mark("uid-found") });
    await reason("found", "NotNamed");
    await reason("others", "NotNamed");
    await reason("hello", "Running");
    expect(await device.files()).toEqual(["found.FileV0", "hello.FileV0", "others.FileV0", "unlabelled.FileV0"]);
    const person = personAt(device);
    await expect(clean.run(["found"], person.at(null))).rejects.toThrow("there is no terminal to ask on whether that is meant: say --yes");
    expect(await clean.run(["found"], person.at("n"))).toBe(1);
    expect(person.asked.join()).toMatch(/^found: .*no manifest names it any more.*\nRemove found from this device\? \[y\/N\] $/);
    await expect(clean.run(["hello"], person.at("y"))).rejects.toThrow('the manifest of this device names "hello"');
    await expect(clean.run(["unlabelled"], person.at("y"))).rejects.toThrow("this device has no deployment");
    expect(await device.files()).toHaveLength(4);
    expect(await clean.run(["found"], person.at("y"))).toBe(0);
    await holds("found", null);
    expect(await clean.run(["others", "--yes"], person.at(null))).toBe(0);
    await holds("others", null);
    expect(person.asked).toHaveLength(2);
    expect(await device.files()).toEqual(["hello.FileV0", "unlabelled.FileV0"]);
  });
});

/** `answer` null: without a terminal. */
function personAt({ stateDir }: FileDevice) {
  const runDir = dirname(stateDir);
  const asked: string[] = [];
  const ask = (answer: string) => (question: string) => Promise.resolve(asked.push(question)).then(() => answer);
  const at = (answer: string | null): Surroundings => ({
    env: {},
    write: () => undefined,
    warn: () => undefined,
    ask: answer === null ? null : ask(answer),
    width: 80,
    configFile: "",
    stateDir,
    runDir,
    agent: connectAgent({ runDir }),
    signal: new AbortController().signal,
  });
  return { asked, at };
}

describe.each([
  ["an operator of 0.1", undefined],
  ["an operator that says what is to go", {}],
] as const)("under another device id, of %s", (_, removed) => {
  test("what ran stays until a manifest names it or a person removes it", async () => {
    const former = asDeviceId("pi-0");
    const before = await Central.connect(nats.url, former);
    onTestFinished(() => before.close());
    await before.apply({ hello: fileScore("one"), other: fileScore("other"), third: fileScore("third") }, ["test"], removed);
    device.start(nats.url, former);
    for (const name of ["hello", "other", "third"])
      await before.untilStatus("it runs", ({ deployments }) => deployments[name]?.phase === "Running");
    await restart();
    await central.untilStatus("no manifest is reported", ({ problem }) => problem?.reason === "NoManifest");
    await reason("hello", "NotNamed");
    await central.apply({ hello: { scoreString: fileScore("two"), uid: "another" } }, ["test"], removed);
    await holds("hello", "two");
    await reason("hello", "Running");
    const shown = (await reason("other", "NotNamed")).deployments["other"];
    expect(shown).toMatchObject({ phase: "Running", desiredRevision: null });
    expect(shown?.message).toContain("it was pi-0's, as this device was called before");
    await device.ask("POST", "/deployments/other/clean");
    await holds("other", null);
    await restart();
    await reason("third", "NotNamed");
    expect(await device.files()).toEqual(["hello.FileV0", "third.FileV0"]);
    // The id is put right again.
    await before.apply({ third: fileScore("third") }, ["test"], removed);
    await restart(former);
    await before.untilStatus("it is as it was", ({ deployments }) => deployments["third"]?.reason === "Running");
    expect(await device.files()).toEqual(["hello.FileV0", "third.FileV0"]);
  });
});
