// Three servers, and the one that leads a bucket is killed. What the operator follows and writes is
// then held up by the servers' own election, and by nothing else.

import { readFile } from "node:fs/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { asDeploymentName, asDeviceId } from "@iot/contracts";
import { eventually, startNats, startNatsCluster } from "@iot/testkit";
import { expect, test } from "vitest";
import { connectMessaging, openDesiredState } from "../src/index.ts";
import { silent } from "./nats-setup.ts";

const STREAM = "KV_desired-state";
const signal = AbortSignal.timeout(110_000);
const device = asDeviceId("dev-a");
const deployment = asDeploymentName("hello");

test("a write that the dead leader took is given up when another leads, and the bucket is followed again", async () => {
  await using nats = await startNatsCluster();
  const looking = await connectMessaging({ servers: nats.urls, name: "test", log: silent, signal });
  const manager = await jetstreamManager(looking.connection);
  const store = await openDesiredState(looking, { replicas: 3, log: silent });
  const leader = async (): Promise<string> => (await manager.streams.info(STREAM)).cluster?.leader ?? "";
  const first = await leader();
  const killed = nats.servers.find(({ name }) => name === first);
  const others = nats.servers.filter((server) => server !== killed).map(({ url }) => url);
  const operator = await connectMessaging({ servers: others, name: "operator", log: silent, signal });
  const own = await openDesiredState(operator, { log: silent });
  const put = (expectedRevision: number) => own.putScore({ device, deployment, scoreString: "{}", expectedRevision });
  expect(await put(0)).toEqual({ ok: true, revision: 1 });
  const hints: (string | null)[] = [];
  own.onChange((hint) => hints.push(hint));
  // Stopped, it takes the write and does not answer.
  const pid = killed?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  await eventually(async () => / T /.test(await readFile(`/proc/${pid}/stat`, "utf8")), { what: "it is stopped" });
  const unanswered = put(1).catch((error: unknown) => (error instanceof Error ? error.message : ""));
  await eventually(() => hints.includes(null), { what: "another leader is heard of", timeoutMs: 60_000 });
  expect(await unanswered).toMatch(/another server leads it now|no answer|no bucket answers/);
  const written = await eventually(async () => await put((await own.observe(signal)).scores.get("dev-a.hello")?.revision ?? 0), {
    what: "it is written",
    timeoutMs: 20_000,
  });
  expect(written.ok).toBe(true);
  process.kill(pid, "SIGCONT");
  await Promise.all([store.close(), own.close()]);
  await Promise.all([looking.close(), operator.close()]);
});

test("a bucket that is removed is made anew at once, and what it had is told as lost", async () => {
  await using nats = await startNats();
  const messaging = await connectMessaging({ servers: [nats.url], name: "operator", log: silent, signal });
  const store = await openDesiredState(messaging, { log: silent });
  await store.putScore({ device, deployment, scoreString: "{}", expectedRevision: 0 });
  expect((await store.observe(signal)).scores.size).toBe(1);
  const heard: (string | null)[] = [];
  store.onChange((hint) => heard.push(hint));
  const manager = await jetstreamManager(messaging.connection);
  await manager.streams.delete(STREAM);
  await eventually(() => heard.includes(device), { what: "it is told", timeoutMs: 2_000 });
  expect((await store.observe(signal)).scores.size).toBe(0);
  await store.close();
  await messaging.close();
});
