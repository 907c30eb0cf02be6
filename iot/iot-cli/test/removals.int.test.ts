// What a person sees of removals and says about them: `iot` as it is typed, against a real operator
// on a real repository.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  eventually,
  freePort,
  makeGitRepository,
  makeTempFolder,
  run,
  type RunResult,
  startNats,
  startOperatorProcess,
} from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";

const MAIN = join(import.meta.dirname, "../src/main.ts");

function workload(name: string, devices: number): string {
  return `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: { name: ${name} }
spec:
  targetDevices: [${Array.from({ length: devices }, (_, index) => `pi-${index}`).join(", ")}]
  score: { type: PodmanV0, data: { services: [{ name: web, image: "web:1" }] } }
`;
}

async function world() {
  const nats = await startNats();
  onTestFinished(() => nats.stop());
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  const iot = (...args: string[]): Promise<RunResult> =>
    run([process.execPath, MAIN, ...args, "--nats", nats.url], { allowExitCodes: [0, 1, 2, 3] });
  const push = async (files: Readonly<Record<string, string | null>>): Promise<string> => {
    const commit = await repository.commit(files);
    await repository.push();
    return commit;
  };
  const operator = async (id = "git:demo"): Promise<() => Promise<void>> => {
    const started = await startOperatorProcess({
      NATS_URL: nats.url,
      IOT_GIT_URL: repository.url,
      IOT_SOURCE_ID: id,
      IOT_GIT_POLL_SECONDS: "1",
    });
    onTestFinished(() => started.kill());
    return () => started.stop();
  };
  /** An operator of a cluster where nobody listens. */
  const startCluster = async (): Promise<void> => {
    const folder = await makeTempFolder("kubeconfig");
    onTestFinished(() => folder.remove());
    const kubeconfig = join(folder.path, "config");
    const [name, server] = ["away", `https://127.0.0.1:${await freePort()}`];
    const context = { name, context: { cluster: name, user: name } };
    const config = { clusters: [{ name, cluster: { server } }], users: [{ name, user: {} }], contexts: [context], "current-context": name };
    await writeFile(kubeconfig, JSON.stringify(config));
    const started = await startOperatorProcess({ NATS_URL: nats.url, KUBECONFIG: kubeconfig }, "healthz");
    onTestFinished(() => started.kill());
  };
  const status = async (): Promise<string> => (await iot("status")).stdout.replaceAll(/\s+/g, " ");
  const expectStatus = (has: RegExp): Promise<string> =>
    eventually(
      async () => {
        const text = await status();
        return has.test(text) ? text : Promise.reject(new Error(text));
      },
      { timeoutMs: 30_000, what: `iot status has ${String(has)}` },
    );
  return { iot, push, operator, expectStatus, startCluster };
}

test("a held removal is shown with its token, which lets exactly it go; what is kept is lost and stays; the audit has both", async () => {
  const { iot, push, operator, expectStatus } = await world();
  const commit = await push({ "a.yaml": workload("hello", 12), "b.yaml": workload("meter", 12) });
  await operator();
  await expectStatus(new RegExp(`^git:demo: follows ${commit.slice(0, 10)} `));

  await push({ "a.yaml": null });
  const shown = await expectStatus(/held: 12 removals \(default\/hello from 12 devices\)/);
  const [, token = ""] = /iot confirm (\w+) removes/.exec(shown) ?? [];
  expect(await iot("confirm", "000000000000")).toMatchObject({ exitCode: 1, stdout: "" });
  expect((await iot("status")).stdout).toContain("hello ");
  expect((await iot("explain", "hello", "pi-3")).stdout.replaceAll(/\s+/g, " ")).toContain(`iot confirm ${token} removes`);
  expect((await iot("explain", "meter", "pi-3")).stdout).not.toContain("iot confirm");
  expect(await iot("confirm", token)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^git:demo removes default\/hello/) as unknown,
  });
  const after = await expectStatus(/^git:demo: follows \w+ DEPLOYMENT/);
  expect(after).not.toContain("hello ");
  expect(await iot("explain", "hello")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/git:demo removed default\/hello from 12 devices in the last ten minutes/) as unknown,
  });

  await push({ "b.yaml": null, "c.yaml": workload("other", 1) });
  await expectStatus(/held: 12 removals \(default\/meter from 12 devices\)/);
  expect(await iot("keep", "meter")).toMatchObject({ exitCode: 0, stdout: "git:demo keeps default/meter on 12 devices\n" });
  await expectStatus(/lost: 12 entries/);
  expect((await iot("status", "--device", "pi-11")).stdout).toMatch(/^meter +pi-11 /m);
  expect((await iot("explain", "meter", "pi-3")).stdout).toMatch(/\n *lost +12 entries/);
  expect(await iot("keep", "meter")).toMatchObject({ exitCode: 1, stderr: "iot: git:demo holds no removal of that name\n" });

  const { stdout } = await iot("audit", "--source", "git:demo");
  expect(stdout).toMatch(/ {2}held {2}operator {2}default\/hello from 12 devices/);
  expect(stdout).toMatch(/ {2}confirm {2}[^\n]* removes default\/hello from 12 devices/);
  expect(stdout).toMatch(/ {2}keep {2}[^\n]* keeps default\/meter on 12 devices/);
  expect(JSON.parse((await iot("status", "--json")).stdout)).toMatchObject({
    sources: [{ source: "git:demo", problem: null, held: null }],
  });
});

test("a commit that is not followed stands at the head of iot status, with its file, and is forgotten when it is repaired", async () => {
  const { iot, push, operator, expectStatus } = await world();
  const good = await push({ "a.yaml": workload("hello", 1), "b.yaml": workload("meter", 1) });
  await operator();
  await expectStatus(/^git:demo: follows /);
  await push({ "a.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12\n" });
  expect(await expectStatus(/^git:demo: .*a\.yaml.*Git LFS pointer/)).toContain(good.slice(0, 7));
  expect((await iot("explain", "hello")).stdout.replaceAll(/\s+/g, " ")).toMatch(/not followed .*a\.yaml.*Git LFS pointer/);
  expect((await iot("explain", "newer")).stderr).toMatch(/it may be in what is not followed, git:demo: .*Git LFS pointer/);
  const fixed = await push({ "a.yaml": workload("hello", 1) });
  await expectStatus(new RegExp(`^git:demo: follows ${fixed.slice(0, 10)} `));
});

test("a source takes over what another owns only when a person says so, and one whose operator runs is not forgotten", async () => {
  const { iot, push, operator, expectStatus } = await world();
  await push({ "a.yaml": workload("hello", 1) });
  const end = await operator("git:old");
  await expectStatus(/^git:old: follows .*hello pi-0/);
  await end();
  await operator("git:new");
  await expectStatus(/git:new: follows /);
  expect(await iot("adopt", "git:other")).toMatchObject({ exitCode: 1, stderr: "iot: git:new asks for nothing that git:other owns\n" });
  expect((await iot("explain", "hello")).stdout).toMatch(/git:old/);
  expect(await iot("adopt", "git:old")).toMatchObject({
    exitCode: 0,
    stdout: "git:new takes over from git:old what both have by namespace and name\n",
  });
  await eventually(async () => /git:new/.test((await iot("explain", "hello")).stdout), { what: "hello is of git:new", timeoutMs: 30_000 });

  expect(await iot("forget", "git:nobody")).toMatchObject({ exitCode: 1, stderr: "iot: there is no source git:nobody\n" });
  expect(await iot("forget", "git:new")).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/end it first/) as unknown });
  expect(await iot("forget", "git:old")).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/its operator runs/) as unknown });
  expect(await iot("confirm", "x".repeat(5_000))).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^iot: what is asked has \d+ bytes, and operators read 4096: shorten it/) as unknown,
  });
  expect((await iot("audit")).stdout).toMatch(/ {2}adopt {2}[^\n]* takes over from git:old/);
});

test("without an operator a question is one sentence", async () => {
  const { iot } = await world();
  expect(await iot("confirm", "123")).toMatchObject({
    exitCode: 3,
    stdout: "",
    stderr: expect.stringMatching(/^iot: no operator answers/) as unknown,
  });
  expect(await iot("keep")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^iot: name a Deployment, or --namespace with all of it; usage: iot keep /) as unknown,
  });
});

test("an operator that cannot reach its cluster when it starts is shown with the reason, before and beside a source that is known", async () => {
  const { push, operator, expectStatus, startCluster } = await world();
  await startCluster();
  await expectStatus(/^kubernetes: failed to \S.* cannot be reached.*; nothing is followed yet Nothing is deployed/);
  await push({ "a.yaml": workload("hello", 1) });
  const end = await operator();
  await expectStatus(/^git:demo: follows/);
  await end();
  expect(await expectStatus(/^git:demo: follows \w+ kubernetes: failed/)).toMatch(/ cannot be reached/);
});
