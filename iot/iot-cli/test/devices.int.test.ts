// What an administrator types to let devices in and to end them: `iot` against the enrolment
// service as it is started, over TLS.

import { createPrivateKey } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { UserError } from "@harmony/runtime";
import { codeOfKey, EnrolmentAnswer, keySigner, makeDeviceKey, Nonce, publicPem, signProof } from "@iot/identity";
import {
  eventually,
  freePort,
  IDENTITY_PASSWORDS,
  makeTempFolder,
  makeTestCertificate,
  makeGitRepository,
  natsIdentitiesConfig,
  run,
  runEnrolment,
  startEnrolmentProcess,
  startNats,
  startOperatorProcess,
  startServerProcess,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runIot } from "../src/program.ts";

const CALLOUT = join(import.meta.dirname, "../../iot-callout/src/main.ts");

interface Typed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** In this process: sixteen that load what `iot` is made of would take most of the test's time. */
async function type(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Typed> {
  const [out, err]: [string[], string[]] = [[], []];
  const signal = AbortSignal.timeout(60_000);
  const at = {
    env,
    write: (text: string) => void out.push(text),
    warn: (text: string) => void err.push(text),
    isTerminal: false,
    width: 120,
    signal,
  };
  const exitCode = await runIot(args, at).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    err.push(error.message);
    return error.exitCode;
  });
  return { exitCode, stdout: out.join(""), stderr: err.join("") };
}

const stack = new AsyncDisposableStack();
let it: Awaited<ReturnType<typeof world>>;
beforeAll(async () => {
  it = await world();
});
afterAll(() => stack.disposeAsync());

async function world() {
  const folder = await makeTempFolder("iot-devices");
  stack.defer(() => folder.remove());
  const certificate = await makeTestCertificate();
  stack.use(certificate);
  const made = await run([process.execPath, CALLOUT, "keys", join(folder.path, "callout.json")]);
  const [, issuer = "", xkey = ""] = /ISSUER=(\w+)\n.*XKEY=(\w+)/.exec(made.stdout) ?? [];
  const nats = await startNats({ config: natsIdentitiesConfig({ issuer, xkey }) });
  stack.defer(() => nats.stop());
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const env = {
    NATS_URL: nats.url,
    NATS_PASSWORD: IDENTITY_PASSWORDS.enrolment,
    NATS_KICK_PASSWORD: IDENTITY_PASSWORDS.kick,
    IOT_ENROLMENT_URL: url,
    IOT_ENROLMENT_LISTEN: `127.0.0.1:${port}`,
    IOT_ENROLMENT_CERT: certificate.cert,
    IOT_ENROLMENT_CERT_KEY: certificate.key,
    IOT_ENROLMENT_STATE: folder.path,
  };
  const ca = await readFile(certificate.ca, "utf8");
  const ask = async (method: string, path: string, body?: object): Promise<{ readonly status: number; readonly text: string }> => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const sent = request(url + path, { method, ca }, (response) => {
      text(response).then((read) => resolve({ status: response.statusCode ?? 0, text: read }), reject);
    });
    sent.once("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  };
  const service = await startEnrolmentProcess(env, async () => (await ask("GET", "/readyz")).status === 200);
  stack.defer(() => service.stop());
  const { stdout: secret } = await runEnrolment(["person", "add", "anna", "--role", "admin"], env);
  const personFile = join(folder.path, "person");
  await writeFile(personFile, secret, { mode: 0o600 });
  const surroundings = { IOT_ENROLMENT_URL: url, IOT_ENROLMENT_CA: certificate.ca, IOT_PERSON_FILE: personFile };
  const iot = (...args: string[]): Promise<Typed> => type(args, { NATS_URL: nats.url, ...surroundings });
  const callout = await startServerProcess({
    name: "iot-callout",
    argv: [process.execPath, CALLOUT],
    env: { NATS_URL: nats.url, NATS_PASSWORD: IDENTITY_PASSWORDS.callout, IOT_CALLOUT_KEYS: join(folder.path, "callout.json") },
    ready: async (log) => log.includes("answers the logins of devices"),
  });
  stack.defer(() => callout.stop());
  const operator = async (): Promise<void> => {
    const repository = await makeGitRepository();
    stack.defer(() => repository.remove());
    await repository.commit({ "README.md": "nothing yet" });
    await repository.push();
    const own = { NATS_URL: nats.url, NATS_USER: "operator", NATS_PASSWORD: IDENTITY_PASSWORDS.operator };
    const started = await startOperatorProcess({ ...own, IOT_GIT_URL: repository.url, IOT_SOURCE_ID: "git:demo" });
    stack.defer(() => started.stop());
  };
  return { iot, operator, ask, url, folder: folder.path, personFile, secret: secret.trim(), service, ca };
}

/** A new key that asks by a token or a code; its code. */
async function enrol({ ask, url }: Pick<Awaited<ReturnType<typeof world>>, "ask" | "url">, by: object): Promise<string> {
  const key = createPrivateKey(await makeDeviceKey());
  const publicKey = publicPem(key);
  const { nonce } = Nonce.parse(JSON.parse((await ask("POST", "/v1/nonces")).text));
  const proof = await signProof(keySigner(key, publicKey), { audience: url, nonce });
  const hardware = { serial: "10000000aaaa0001", model: "Raspberry Pi 5\u001b[2J" };
  const said = await ask("POST", "/v1/enrolments", { publicKey, hardware, proof, ...by });
  expect(EnrolmentAnswer.parse(JSON.parse(said.text)).code).toBe(codeOfKey(key));
  return codeOfKey(key);
}

test("an image with a list of serial numbers: nobody types", async () => {
  const { iot, ask, url, folder } = it;
  const list = join(folder, "pis.csv");
  await writeFile(list, "serial,id,site\n10000000aaaa0001,pi-kiln-1,north\n10000000aaaa0002,pi-kiln-2,south\n");
  const { stdout } = await iot("bootstrap", "create", "--name", "listed", "--max", "5", "--days", "30", "--serials", list);
  const [, token = ""] = /\ntoken = "(iotb_[\w-]+)"\n$/.exec(stdout) ?? [];
  await enrol({ ask, url }, { token });
  // The same serial number once more: somebody copied it.
  const second = await enrol({ ask, url }, { token });
  expect((await iot("device", "list")).stdout).toMatch(/\npi-kiln-1 +approved +site=north\n/);
  expect((await iot("devices", "--pending")).stdout).toContain(second);
  expect((await iot("bootstrap", "list")).stdout).toMatch(/listed +2 of 5 +2 +until/);
});

test("a person sees the fleet by the own token, and forgets a device that is gone with its identity", async () => {
  const { iot, operator, ask, url } = it;
  await operator();
  await eventually(async () => (await iot("status")).stdout.includes("git:demo: follows"), {
    timeoutMs: 30_000,
    what: "anna sees the fleet",
  });
  const added = await iot("device", "add", "pi-gone");
  await enrol({ ask, url }, { code: added.stdout.split("\n", 1)[0] });
  expect((await iot("device", "list")).stdout).toMatch(/pi-gone +approved/);

  expect(await iot("device", "forget", "pi-gome")).toMatchObject({
    exitCode: 1,
    stderr: 'nothing is known of a device "pi-gome"',
  });
  expect(await iot("device", "forget", "pi-gone")).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(
      /^pi-gone\ndone {2}identity: .*\ndone {2}callouts: 1 of 1 know it\ndone {2}connections: it had none\n$/,
    ) as unknown,
  });
  expect((await iot("devices")).stdout).not.toContain("pi-gone");
  expect((await iot("audit")).stdout).toMatch(/identity {2}forget {2}anna {2}"pi-gone" is forgotten/);
  // The id is free again.
  expect(await iot("device", "add", "pi-gone")).toMatchObject({ exitCode: 0 });
});

test("an image's token, a device that waits, its approval and its end, as they are typed", async () => {
  const { iot, ask, url, personFile, secret, service, ca } = it;
  const created = await iot("bootstrap", "create", "--name", "spring-200", "--max", "200", "--days", "30");
  expect(created.stdout).toMatch(/^# spring-200: .* at most 200 devices .*\n\[enrolment\]\nurl = "https:.*"\nca = '''\n-----BEGIN/);
  expect(created.stdout).toContain(ca.trim());
  const [, token = ""] = /\ntoken = "(iotb_[\w-]+)"\n$/.exec(created.stdout) ?? [];
  const code = await enrol({ ask, url }, { token });
  const pending = await iot("devices", "--pending");
  expect(pending.stdout).toMatch(new RegExp(`${code} .*10000000aaaa0001 .*Raspberry Pi 5 .*127.0.0.1 .*spring-200`));
  expect(pending.stdout).not.toContain("\u001b");
  expect((await iot("bootstrap", "list")).stdout).toMatch(/spring-200 +1 of 200 +- +until/);

  const typed = code.toLowerCase().replaceAll("-", " ");
  expect(await iot("device", "approve", typed, "--id", "pi-kiln-3", "--label", "site=north")).toMatchObject({ exitCode: 0 });
  expect((await iot("device", "list")).stdout).toMatch(/pi-kiln-3 +approved +site=north/);
  expect((await iot("devices", "--pending")).stdout).not.toContain(code);
  const denied = await enrol({ ask, url }, { token });
  expect(await iot("device", "deny", denied, "--reason", "not ours")).toMatchObject({ exitCode: 0 });

  const disabled = await iot("device", "disable", "pi-kiln-3", "--reason", "stolen");
  expect(disabled.stdout).toMatch(/^pi-kiln-3\ndone {2}grant: disabled .*\ndone {2}callouts: .*\ndone {2}connections: it had none\n$/);
  expect((await iot("device", "list")).stdout).toMatch(/pi-kiln-3 +disabled: stolen/);
  expect(await iot("device", "enable", "pi-kiln-3")).toMatchObject({ exitCode: 0 });

  const added = await iot("device", "add", "pi-7");
  await enrol({ ask, url }, { code: added.stdout.split("\n", 1)[0] });
  expect((await iot("device", "list")).stdout).toMatch(/pi-7 +approved/);
  expect(await iot("device", "add", "pi-7")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("is a device already") as unknown,
  });

  expect(await iot("bootstrap", "revoke", "spring-200")).toMatchObject({ exitCode: 0 });
  expect((await iot("bootstrap", "list")).stdout).not.toContain("spring-200");
  await chmod(personFile, 0o644);
  expect(await iot("device", "list")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("chmod 600") as unknown });
  for (const shown of [secret, token, added.stdout.split("\n", 1)[0] ?? ""]) expect(service.log()).not.toContain(shown);
});
