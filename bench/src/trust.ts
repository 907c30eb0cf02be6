// What an identity costs: a login through the callout, a fleet that comes back at once beside a
// callout that was just restarted, how soon a stolen device is out, and how soon a new one is in.
// The baseline is a static user of the same server program.

import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { systemClock } from "@harmony/runtime";
import {
  CodeMade,
  EnrolmentAnswer,
  keySigner,
  makeDeviceKey,
  Nonce,
  publicPem,
  type Signer,
  signAssertion,
  signProof,
  TokenAnswer,
  tokenScope,
  type ZitadelAccount,
} from "@iot/identity";
import {
  freePort,
  IDENTITY_PASSWORDS,
  makeTempFolder,
  runEnrolment,
  startEnrolmentProcess,
  startIssuer,
  startNats,
  type TestIssuer,
} from "@iot/testkit";
import { type Figure, type Measurement, ms, percentile } from "./measurement.ts";
import { login, logins, spent, startTrustWorld, type TrustWorld, type User } from "./trust-world.ts";

const FLEET = 3_000;
const ALONE = 200;
const BURST = 1_000;
/** As many as the service lets ask in a minute from one address. */
const ENDED = 10;
const STATIC: User = { user: "static", pass: "static-secret" };

export const trust: Measurement = {
  name: "trust",
  takesMinutes: 3,
  async run(): Promise<readonly Figure[]> {
    await using stack = new AsyncDisposableStack();
    const plain = stack.use(await startNats({ config: `authorization { user: ${STATIC.user}, password: "${STATIC.pass}", timeout: 30 }` }));
    const world = await startTrustWorld(FLEET, stack);
    await logins(world.nats, world.devices.slice(0, 50), 5);
    const many = (count: number): readonly User[] => Array.from({ length: count }, () => STATIC);
    const figures: Figure[] = [];
    const alone = await logins(world.nats, world.devices.slice(0, ALONE), 1);
    const staticAlone = await logins(plain, many(ALONE), 1);
    const p50 = percentile(alone, 50);
    figures.push({
      what: `login of a device through the callout, one after the other (${ALONE})`,
      target: "p50 ≤ 15 ms",
      measured: `p50 ${ms(p50)}, p99 ${ms(percentile(alone, 99))}`,
      baseline: `a static user: p50 ${ms(percentile(staticAlone, 50))}`,
      met: p50 <= 15,
      numbers: { p50, p99: percentile(alone, 99), staticP50: percentile(staticAlone, 50) },
    });
    for (const concurrent of [50, 500]) figures.push(await burst(world, plain, concurrent));
    figures.push(await cameBack(world), await memory(world));
    const beginning = await startTrustWorld(0, stack);
    const people = await startPeople(beginning, stack.use(await startIssuer()), stack);
    figures.push(...(await enrolledAndStolen(beginning, people)));
    return figures;
  },
};

async function burst(world: TrustWorld, plain: Parameters<typeof logins>[0], concurrent: number): Promise<Figure> {
  const before = { callout: await spent(world.callout.pid), server: await spent(world.nats.pid) };
  const rate = async (work: () => Promise<readonly number[]>): Promise<number> => {
    const startedMs = performance.now();
    return ((await work()).length * 1_000) / (performance.now() - startedMs);
  };
  const ours = await rate(() => logins(world.nats, world.devices.slice(0, BURST), concurrent));
  const after = { callout: await spent(world.callout.pid), server: await spent(world.nats.pid) };
  const bare = await rate(() =>
    logins(
      plain,
      Array.from({ length: BURST }, () => STATIC),
      concurrent,
    ),
  );
  const [calloutMs, serverMs] = [(after.callout.cpuMs - before.callout.cpuMs) / BURST, (after.server.cpuMs - before.server.cpuMs) / BURST];
  return {
    what: `logins a second, ${concurrent} at once (${BURST}), one callout; CPU a login of the callout and of nats-server`,
    target: "≥ 250 a second; ≤ 1.2 ms of the callout",
    measured: `${Math.round(ours)} a second; ${calloutMs.toFixed(1)} and ${serverMs.toFixed(1)} ms`,
    baseline: `a static user: ${Math.round(bare)} a second`,
    met: ours >= 250 && calloutMs <= 1.2,
    numbers: { aSecond: ours, calloutMs, serverMs, staticASecond: bare },
  };
}

/** All dial at once beside a callout that has just started: it knows the grants by the bucket. */
async function cameBack(world: TrustWorld): Promise<Figure> {
  const startedMs = performance.now();
  await world.restartCallout();
  const readyMs = performance.now() - startedMs;
  const dialledMs = performance.now();
  let refused = 0;
  const sockets = await Promise.all(world.devices.map((device) => login(world.nats, device).catch(() => void (refused += 1))));
  const tookMs = performance.now() - dialledMs;
  for (const socket of sockets) socket?.destroy();
  return {
    what: `${FLEET} devices dial at once beside a callout that was just restarted: all in; needed a second attempt`,
    target: "≤ 15 s; none",
    measured: `${(tookMs / 1_000).toFixed(1)} s; ${refused}`,
    baseline: `the restart of the callout, until it knows ${FLEET} grants: ${(readyMs / 1_000).toFixed(1)} s`,
    met: tookMs <= 15_000 && refused === 0,
    numbers: { tookMs, refused, readyMs },
  };
}

async function memory(world: TrustWorld): Promise<Figure> {
  const { mostMb } = await spent(world.callout.pid);
  return {
    what: `the callout's memory, at most, with ${FLEET} grants and after the storm of ${FLEET}`,
    target: "≤ 200 MB",
    measured: `${Math.round(mostMb)} MB`,
    baseline: "none",
    met: mostMb <= 200,
    numbers: { mostMb },
  };
}

/** The enrolment service as an administrator sees it. */
interface People {
  readonly url: string;
  say(path: string, body?: object): Promise<unknown>;
}

async function startPeople({ nats }: TrustWorld, zitadel: TestIssuer, stack: AsyncDisposableStack): Promise<People> {
  const folder = await makeTempFolder("trust-enrolment");
  stack.defer(() => folder.remove());
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    NATS_URL: nats.url,
    NATS_PASSWORD: IDENTITY_PASSWORDS.enrolment,
    NATS_KICK_PASSWORD: IDENTITY_PASSWORDS.kick,
    IOT_ENROLMENT_URL: url,
    IOT_ENROLMENT_LISTEN: `127.0.0.1:${port}`,
    IOT_ENROLMENT_STATE: folder.path,
    IOT_ZITADEL_URL: zitadel.url,
    IOT_ZITADEL_PROJECT: zitadel.project,
    IOT_ZITADEL_ORGANISATION: zitadel.organisation,
    IOT_ZITADEL_TOKEN_FILE: zitadel.tokenFile,
  };
  const service = await startEnrolmentProcess(env, async () => (await fetch(`${url}/readyz`)).ok);
  stack.defer(() => service.stop());
  const secret = (await runEnrolment(["person", "add", "anna", "--role", "admin"], env)).stdout.trim();
  return { url, say: (path, body = {}) => post(url + path, body, `Bearer ${secret}`) };
}

async function post(url: string, body: object, authorization = ""): Promise<unknown> {
  const response = await fetch(url, { method: "POST", headers: { authorization }, body: JSON.stringify(body) });
  return response.json();
}

/**
 * Each device is new: it makes no key in the time that is measured, because a person waits for that
 * once.
 */
async function enrolledAndStolen({ nats }: TrustWorld, people: People): Promise<readonly Figure[]> {
  const [inTimes, ownTimes, outTimes]: [number[], number[], number[]] = [[], [], []];
  for (let index = 0; index < ENDED; index += 1) {
    const key = createPrivateKey(await makeDeviceKey());
    const signer = keySigner(key, publicPem(key));
    const user = `pi-${index}`;
    const { code } = CodeMade.parse(await people.say(`/v1/devices/${user}/code`));
    const startedMs = performance.now();
    const account = await approved(people, signer, code);
    const tokenMs = performance.now();
    const pass = await tokenOf(signer, account, user);
    ownTimes.push(performance.now() - tokenMs);
    const socket = await login(nats, { user, pass });
    inTimes.push(performance.now() - startedMs);
    const closed = once(socket, "close");
    const askedMs = performance.now();
    const said = people.say(`/v1/devices/${user}/disable`, { reason: "stolen" });
    await closed;
    outTimes.push(performance.now() - askedMs);
    await said;
  }
  const [inMs, outMs] = [percentile(inTimes, 100), percentile(outTimes, 100)];
  return [
    {
      what: `a device with a code: first request → its account at the issuer of the tests → NATS (${ENDED})`,
      target: "≤ 2 s",
      measured: `p50 ${ms(percentile(inTimes, 50))}, at worst ${ms(inMs)}`,
      baseline: `its token alone: p50 ${ms(percentile(ownTimes, 50))}`,
      met: inMs <= 2_000,
      numbers: { p50: percentile(inTimes, 50), inMs, tokenP50: percentile(ownTimes, 50) },
    },
    {
      what: `disable → its connection is cut off (${ENDED}), one server, one callout`,
      target: "≤ 200 ms",
      measured: `p50 ${ms(percentile(outTimes, 50))}, at worst ${ms(outMs)}`,
      baseline: "none",
      met: outMs <= 200,
      numbers: { p50: percentile(outTimes, 50), outMs },
    },
  ];
}

async function approved({ url }: People, signer: Signer, code: string): Promise<ZitadelAccount> {
  const proof = async (): Promise<string> => {
    const { nonce } = Nonce.parse(await post(`${url}/v1/nonces`, {}));
    return signProof(signer, { audience: url, nonce });
  };
  const body = { publicKey: signer.publicKeyPem, hardware: {}, code, proof: await proof() };
  let answer = EnrolmentAnswer.parse(await post(`${url}/v1/enrolments`, body));
  while (answer.state !== "approved") {
    await systemClock.sleep(100);
    const looked = await fetch(`${url}/v1/enrolments/${answer.code}`, { headers: { authorization: `Proof ${await proof()}` } });
    answer = EnrolmentAnswer.parse(await looked.json());
  }
  if (answer.zitadel === undefined) throw new Error("it has no account");
  return answer.zitadel;
}

async function tokenOf(signer: Signer, { issuer, project, keyId }: ZitadelAccount, device: string): Promise<string> {
  const assertion = await signAssertion(signer, { device, keyId, audience: issuer, nowMs: Date.now() });
  const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion, scope: tokenScope(project) };
  const response = await fetch(`${issuer}/oauth/v2/token`, { method: "POST", body: new URLSearchParams(form) });
  return TokenAnswer.parse(await response.json()).access_token;
}
