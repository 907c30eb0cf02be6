// The operator as a process: how it starts, what it answers over HTTP, and how it ends.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { eventually, freePort, makeGitRepository, type ServerProcess, startNats, startOperatorProcess } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { openBucket, expectScore } from "./running-operator.ts";
import { workload } from "./workload.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

interface Process {
  readonly process: ServerProcess;
  readonly url: string;
  get(path: string): Promise<{ status: number; body: string }>;
}

async function start(env: Record<string, string>): Promise<Process> {
  const process = await startOperatorProcess({ IOT_SOURCE_ID: "git:test", ...env }, "healthz");
  const url = `http://127.0.0.1:${process.port}`;
  onTestFinished(() => process.kill());
  const get = async (path: string): Promise<{ status: number; body: string }> => {
    const response = await fetch(`${url}${path}`);
    return { status: response.status, body: await response.text() };
  };
  return { process, url, get };
}

test("waits for NATS and says why, becomes ready, hears a hook, and ends on SIGTERM", async () => {
  const port = await freePort();
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  await repository.commit({ "a.yaml": workload("hello", { image: "web:1" }) });
  await repository.push();
  const { process, get, url } = await start({
    NATS_URL: `nats://127.0.0.1:${port}`,
    IOT_GIT_URL: repository.url,
    IOT_GIT_POLL_SECONDS: "3600",
  });
  const waiting = await eventually(async () => {
    const { status, body } = await get("/readyz");
    return status === 503 && body.includes("refused") && body;
  });
  expect(JSON.parse(waiting)).toMatchObject({
    ready: false,
    problems: [expect.stringContaining(`cannot connect to NATS at 127.0.0.1:${port}`)],
  });

  const nats = await startNats({ port });
  onTestFinished(() => nats.stop());
  await eventually(async () => (await get("/readyz")).status === 200, { timeoutMs: 30_000 });
  const bucket = await openBucket(nats.url);
  await expectScore(bucket, "pi-1.hello", "web:1");

  const commit = await repository.commit({ "a.yaml": workload("hello", { image: "web:2" }) });
  await repository.push();
  expect((await fetch(`${url}/hooks/git`, { method: "POST" })).status).toBe(202);
  await expectScore(bucket, "pi-1.hello", "web:2");
  expect(JSON.parse((await get("/readyz")).body)).toEqual({ ready: true, version: commit, problems: [] });
  const { body } = await get("/metrics");
  expect(body).toContain("iot_operator_deployments 1\n");
  expect(body).toContain("iot_operator_writes_total 4\n");
  expect((await get("/elsewhere")).status).toBe(404);

  const beforeMs = performance.now();
  await process.stop();
  expect(performance.now() - beforeMs).toBeLessThan(5_000);
  expect(process.log()).toContain("shutting down");
});

test("killed at any moment of a first pass, it finishes when started again", async () => {
  const nats = await startNats();
  onTestFinished(() => nats.stop());
  const repository = await makeGitRepository();
  onTestFinished(() => repository.remove());
  const names = Array.from({ length: 40 }, (_, index) => `d${index}`);
  const devices = Array.from({ length: 25 }, (_, index) => `pi-${index}`);
  await repository.commit(Object.fromEntries(names.map((name) => [`${name}.yaml`, workload(name, { devices })])));
  await repository.push();
  const bucket = await openBucket(nats.url);
  const env = { NATS_URL: nats.url, IOT_GIT_URL: repository.url };
  for (const writes of [10, 200, 600]) {
    const { process } = await start(env);
    await eventually(async () => (await bucket.lastSequence()) >= writes, { intervalMs: 5, timeoutMs: 30_000 });
    await process.kill();
  }
  const { get } = await start(env);
  await eventually(async () => (await get("/readyz")).status === 200, { timeoutMs: 30_000 });
  const { manifests, scores } = await bucket.snapshot();
  expect(manifests.size).toBe(25);
  for (const [device, { manifest }] of manifests) {
    expect(manifest.ok && Object.keys(manifest.value.deployments)).toHaveLength(40);
    for (const [name, { revision }] of Object.entries(manifest.ok ? manifest.value.deployments : {})) {
      expect(scores.get(`${device}.${name}`)?.revision).toBe(revision);
    }
  }
});

test("a wrong environment is one line, and exit code 78", async () => {
  const { status, stdout } = spawnSync(globalThis.process.execPath, [MAIN], {
    env: { PATH: globalThis.process.env["PATH"], IOT_GIT_URL: "ext::x" },
    encoding: "utf8",
  });
  expect(status).toBe(78);
  expect(stdout.trim().split("\n")).toHaveLength(1);
  expect(stdout).toContain("IOT_GIT_URL: expected a repository's URL");
});
