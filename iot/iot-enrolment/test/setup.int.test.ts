// A fleet with identities as it is set up by one command: what make-identities.sh makes starts
// NATS, the callout and the service over TLS, and lets a device in.

import { createPrivateKey } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createLog } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import {
  CodeMade,
  EnrolmentAnswer,
  keySigner,
  makeDeviceKey,
  Nonce,
  publicPem,
  signAssertion,
  signProof,
  TokenAnswer,
} from "@iot/identity";
import { connectMessaging, fixedCredentials } from "@iot/messaging";
import { eventually, freePort, makeTempFolder, run, type ServerProcess, startNats, startServerProcess } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const MAIN = join(ROOT, "iot/iot-enrolment/src/main.ts");

test("what one command makes starts all, over TLS, and a device comes in; run again it keeps every secret", async () => {
  const folder = await makeTempFolder("identities");
  onTestFinished(() => folder.remove());
  const at = (name: string): string => join(folder.path, name);
  const make = (): Promise<unknown> => run([join(ROOT, "iot/scripts/make-identities.sh"), "--host", "127.0.0.1", "--folder", folder.path]);
  const contents = (): Promise<string[]> =>
    Promise.all(["nats.conf", "cert.pem", "callout-keys.json", "enrolment.env", "password-kick"].map((name) => readFile(at(name), "utf8")));
  await make();
  const before = await contents();
  await make();
  expect(await contents()).toEqual(before);
  expect((await stat(at("nats.conf"))).mode & 0o777).toBe(0o600);

  const nats = await startNats({ config: await readFile(at("nats.conf"), "utf8") });
  onTestFinished(() => nats.stop());
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const ports = { NATS_URL: `tls://127.0.0.1:${nats.port}`, IOT_ENROLMENT_URL: url, IOT_ENROLMENT_LISTEN: `127.0.0.1:${port}` };
  const node = (envFile: string, ...argv: string[]): string[] => [process.execPath, `--env-file=${at(envFile)}`, ...argv];
  const ca = await readFile(at("ca.pem"), "utf8");
  const ask = async (method: string, path: string, body?: string, authorization = ""): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const sent = request(url + path, { method, ca, headers: { authorization } }, (response) => {
      text(response).then(resolve, reject);
    });
    sent.once("error", reject);
    sent.end(body);
    return promise;
  };
  const start = async (name: string, argv: string[], ready: () => Promise<boolean>): Promise<ServerProcess> => {
    const started = await startServerProcess({ name, argv, env: ports, ready });
    onTestFinished(() => started.stop());
    return started;
  };
  const callout = await start("iot-callout", node("callout.env", join(ROOT, "iot/iot-callout/src/main.ts")), () => Promise.resolve(true));
  await start("iot-enrolment", node("enrolment.env", MAIN, "--standalone"), async () => (await ask("GET", "/readyz")) === "{}");
  await eventually(() => callout.log().includes("answers the logins"), { what: "the callout answers" });

  const person = await run(node("enrolment.env", MAIN, "person", "add", "anna", "--role", "admin"), { env: ports });
  const { code } = CodeMade.parse(JSON.parse(await ask("POST", "/v1/devices/pi-1/code", "", `Bearer ${person.stdout.trim()}`)));
  const key = createPrivateKey(await makeDeviceKey());
  const signer = keySigner(key, publicPem(key));
  const { nonce } = Nonce.parse(JSON.parse(await ask("POST", "/v1/nonces")));
  const proof = await signProof(signer, { audience: url, nonce });
  const asked = JSON.stringify({ publicKey: signer.publicKeyPem, code, hardware: {}, proof });
  const answer = EnrolmentAnswer.parse(JSON.parse(await ask("POST", "/v1/enrolments", asked)));
  expect(answer).toMatchObject({ state: "approved", device: "pi-1", nats: { urls: ["tls://127.0.0.1:4222"], ca } });
  const keyId = answer.state === "approved" ? answer.keyId : "";
  const assertion = await signAssertion(signer, { device: "pi-1", keyId, audience: url, nowMs: Date.now() });
  const form = new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
  const { access_token: pass } = TokenAnswer.parse(JSON.parse(await ask("POST", "/oauth/v2/token", form.toString())));
  const login = await connectMessaging({
    servers: [ports.NATS_URL],
    credentials: fixedCredentials({ user: "pi-1", pass }),
    caFile: at("ca.pem"),
    name: "pi-1",
    device: asDeviceId("pi-1"),
    log: createLog({ name: "setup", write: () => undefined }),
    signal: AbortSignal.timeout(60_000),
  });
  await login.close();
});
