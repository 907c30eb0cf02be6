// A thousand devices log in at once and one of two callouts is killed in the middle: each comes in,
// at the latest with its second attempt, because a login that the dead one had is asked of the other.

import { createPrivateKey, createPublicKey } from "node:crypto";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { type Issuer, makeDeviceKey, signToken } from "@iot/identity";
import { connectMessaging, fixedCredentials, openDocumentStore } from "@iot/messaging";
import { connect } from "@nats-io/transport-node";
import {
  eventually,
  IDENTITY_PASSWORDS,
  makeTempFolder,
  type NatsServer,
  natsIdentitiesConfig,
  run,
  type ServerProcess,
  startNats,
  startServerProcess,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const DEVICES = 1_000;
const signal = AbortSignal.timeout(110_000);
const stack = new AsyncDisposableStack();
const place = { issuer: "https://enrol.example", project: "iot", organisation: "standalone" };
const log = createLog({ name: "storm", level: "error" });

let nats: NatsServer;
let callouts: ServerProcess[];
const tokens: string[] = [];

beforeAll(async () => {
  const folder = await makeTempFolder("storm");
  stack.defer(() => folder.remove());
  const keysFile = join(folder.path, "keys.json");
  const { stdout } = await run([process.execPath, MAIN, "keys", keysFile]);
  const [, issuerKey = "", xkey = ""] = /ISSUER=(\w+)\n.*XKEY=(\w+)/.exec(stdout) ?? [];
  nats = stack.use(await startNats({ config: natsIdentitiesConfig({ issuer: issuerKey, xkey }, { loginTimeoutS: 5 }) }));
  const credentials = fixedCredentials({ user: "enrolment", pass: IDENTITY_PASSWORDS.enrolment });
  const messaging = await connectMessaging({ servers: [nats.url], name: "enrolment", credentials, log, signal });
  stack.defer(() => messaging.close());
  const grants = await openDocumentStore(messaging, { bucket: "grants", log, signal });
  const key = createPrivateKey(await makeDeviceKey());
  const { n = "", e = "" } = createPublicKey(key).export({ format: "jwk" });
  const issuer: Issuer = { ...place, jwks: { keys: [{ kty: "RSA", n, e, kid: "k1", alg: "RS256", use: "sig" }] } };
  await grants.put("_issuer", issuer, 0);
  const names = Array.from({ length: DEVICES }, (_, index) => `pi-${index}`);
  await Promise.all(names.map((name) => grants.put(name, { state: "approved", capabilities: ["status"] }, 0)));
  for (const subject of names)
    tokens.push(await signToken(key, { subject, role: "device", issuer: place, keyId: "k1", nowMs: Date.now(), lifeS: 3_600 }));
  await grants.close();
  const env = { NATS_URL: nats.url, NATS_PASSWORD: IDENTITY_PASSWORDS.callout, IOT_CALLOUT_KEYS: keysFile };
  const ready = async (text: string): Promise<boolean> => text.includes("answers the logins of devices");
  callouts = await Promise.all([0, 1].map(() => startServerProcess({ name: "iot-callout", argv: [process.execPath, MAIN], env, ready })));
  for (const callout of callouts) stack.defer(() => callout.stop());
});
afterAll(() => stack.disposeAsync());

test("a callout that is killed in the middle of a storm costs nobody more than another attempt", async () => {
  let [inside, attempts] = [0, 0];
  const login = async (index: number): Promise<void> => {
    const user = `pi-${index}`;
    for (;;) {
      attempts += 1;
      try {
        const connection = await connect({
          servers: nats.url,
          user,
          pass: tokens[index] ?? "",
          reconnect: false,
          timeout: 20_000,
          noAsyncTraces: true,
        });
        stack.defer(() => connection.close());
        inside += 1;
        return;
      } catch (error) {
        if (attempts > 4 * DEVICES) throw error;
      }
    }
  };
  const all = Promise.all(tokens.map((_, index) => login(index)));
  await eventually(() => inside > DEVICES / 10, { what: "the storm is under way", timeoutMs: 60_000, intervalMs: 5 });
  await callouts[0]?.kill();
  expect(inside).toBeLessThan(DEVICES);
  await all;
  expect(inside).toBe(DEVICES);
  expect(attempts).toBeLessThanOrEqual(2 * DEVICES);
});
