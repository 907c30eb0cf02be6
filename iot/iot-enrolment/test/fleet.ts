// A fleet with identities on this machine: nats-server as shipped, a callout, the enrolment service,
// and devices that are a key and what a device says with it.

import { createPrivateKey, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { createLog, type Log } from "@harmony/runtime";
import { type Callout, makeKeys, startCallout } from "@iot/callout";
import {
  EnrolmentAnswer,
  makeDeviceKey,
  Nonce,
  publicPem,
  signAssertion,
  signProof,
  keySigner,
  TokenAnswer,
  openBaoOfService,
  type OpenBaoSettings,
  tokenScope,
  type ZitadelAccount,
} from "@iot/identity";
import { connectMessaging, fixedCredentials, type Messaging } from "@iot/messaging";
import {
  freePort,
  IDENTITY_PASSWORDS,
  makeTempFolder,
  type NatsServer,
  natsIdentitiesConfig,
  type OpenBaoCredentials,
  startNats,
  type TestIssuer,
} from "@iot/testkit";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { OpenBaoConfig } from "../src/config.ts";
import { addPerson, type RunningEnrolment, startEnrolment } from "../src/index.ts";

export interface Said {
  readonly status: number;
  readonly text: string;
  readonly body: unknown;
  readonly headers: Headers;
}

export interface FleetOptions {
  readonly kickPassword?: string | undefined;
  readonly enrolmentsAMinute?: number;
  /** Another than the one under which it is reached. */
  readonly url?: string;
  /** Without one, nobody comes into NATS, and nothing is asked of it. */
  readonly callouts?: number;
  /** As it was set up for this fleet. */
  readonly openBao?: FleetOpenBao | undefined;
  /** Where devices get their tokens; null: of the service. */
  readonly zitadel?: TestIssuer | null;
}

export interface FleetOpenBao {
  readonly url: string;
  /** Files, by service. */
  readonly credentials: OpenBaoCredentials;
  readonly auditLog?: string;
}

export interface Fleet {
  readonly nats: NatsServer;
  readonly natsConfig: string;
  readonly url: string;
  readonly log: Log;
  readonly lines: readonly string[];
  readonly callouts: Callout[];
  readonly issuerKeyFile: string;
  as(user: keyof typeof IDENTITY_PASSWORDS): Promise<Messaging>;
  startCallout(openBao?: FleetOpenBao): Promise<Callout>;
  /** From now on grants live there, too: the service and the callouts start anew with it. */
  use(openBao: FleetOpenBao): Promise<void>;
  /** Ends the service; `restart` brings it back. */
  stop(): Promise<void>;
  /** Ends the service, as far as it is there, and starts it anew. */
  restart(options?: FleetOptions): Promise<void>;
  post(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Said>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Said>;
  /** By an administrator. */
  say(path: string, body?: unknown): Promise<Said>;
  person(name: string, role: "support" | "admin"): Promise<string>;
  device(key?: KeyObject): Promise<TestDevice>;
  close(): Promise<void>;
}

const { keys, publicHalves } = makeKeys();

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const signal = AbortSignal.timeout(600_000);
  const lines: string[] = [];
  const log = createLog({ name: "fleet", format: "json", write: (line) => void lines.push(line) });
  const natsConfig = natsIdentitiesConfig(publicHalves, { loginTimeoutS: 5 });
  const nats = await startNats({ config: natsConfig });
  const folder = await makeTempFolder("enrolment");
  const open: Messaging[] = [];
  const as = async (user: keyof typeof IDENTITY_PASSWORDS): Promise<Messaging> => {
    const credentials = fixedCredentials({ user, pass: IDENTITY_PASSWORDS[user] });
    const messaging = await connectMessaging({ servers: [nats.url], name: user, credentials, log, signal });
    open.push(messaging);
    return messaging;
  };
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const issuerKeyFile = join(folder.path, "issuer-key.pem");
  const start = ({
    kickPassword = IDENTITY_PASSWORDS.kick,
    enrolmentsAMinute = 1_000,
    url: named = url,
    openBao,
    zitadel = null,
  }: FleetOptions): Promise<RunningEnrolment> =>
    startEnrolment(
      {
        url: named,
        host: "127.0.0.1",
        port,
        tls: null,
        issuerKeyFile,
        tokenLifeS: 3_600,
        nats: { servers: [nats.url], user: "enrolment", pass: IDENTITY_PASSWORDS.enrolment, caFile: undefined },
        kickPassword: kickPassword === "" ? undefined : kickPassword,
        deviceNats: { urls: [nats.url] },
        openBao:
          openBao === undefined
            ? null
            : { ...settingsOf(openBao, "enrolment"), forDevices: { url: openBao.url }, auditLog: auditLogOf(openBao, folder.path) },
        replicas: 1,
        zitadel: zitadel && {
          url: zitadel.url,
          project: zitadel.project,
          organisation: zitadel.organisation,
          tokenFile: zitadel.tokenFile,
        },
      },
      { log, signal, enrolmentsAMinute, issuerKeysEveryMs: 200, issuerKeyPublishMs: 500 },
    );
  let running = await start(options);
  let present = options;
  const calloutOf = async (openBao?: FleetOpenBao): Promise<Callout> => {
    const bao = openBao === undefined ? null : openBaoOfService(settingsOf(openBao, "callout"), { withinMs: 1_500, signal });
    return startCallout({ messaging: await as("callout"), keys, bao, log, signal });
  };
  const callouts: Callout[] = [];
  for (let index = 0; index < (options.callouts ?? 1); index += 1) callouts.push(await calloutOf(options.openBao));
  const ask = async (path: string, init: RequestInit): Promise<Said> => {
    const response = await fetch(url + path, init);
    const text = await response.text();
    return { status: response.status, text, body: JSON.parse(text) as unknown, headers: response.headers };
  };
  const post: Fleet["post"] = (path, body, headers = {}) =>
    ask(path, { method: "POST", headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const person: Fleet["person"] = async (name, role) => addPerson({ messaging: await as("enrolment"), log, signal }, { name, role });
  const admin = await person("admin", "admin");
  return {
    nats,
    natsConfig,
    url,
    log,
    lines,
    callouts,
    issuerKeyFile,
    as,
    startCallout: calloutOf,
    stop: () => running.close(),
    restart: async (changed = {}) => {
      await running.close();
      present = { ...present, ...changed };
      running = await start(present);
    },
    use: async (openBao) => {
      await running.close();
      present = { ...present, openBao };
      running = await start(present);
      for (const callout of callouts.splice(0)) await callout.close();
      callouts.push(await calloutOf(openBao));
    },
    post,
    get: (path, headers = {}) => ask(path, { headers }),
    say: (path, body) => post(path, body, { authorization: `Bearer ${admin}` }),
    person,
    device: async (key) => new TestDevice({ url, nats, post, ask }, key ?? createPrivateKey(await makeDeviceKey())),
    close: async () => {
      await running.close();
      for (const callout of callouts) await callout.close();
      await Promise.all(open.map((messaging) => messaging.close()));
      await nats.stop();
      await folder.remove();
    },
  };
}

function auditLogOf({ auditLog }: FleetOpenBao, folder: string): OpenBaoConfig["auditLog"] {
  return auditLog === undefined ? null : { file: auditLog, placeFile: join(folder, "openbao-audit-log.json") };
}

function settingsOf({ url, credentials }: FleetOpenBao, service: keyof OpenBaoCredentials): OpenBaoSettings {
  return { url, caFile: undefined, credentialsFile: credentials[service] };
}

interface Around {
  readonly url: string;
  readonly nats: NatsServer;
  readonly post: Fleet["post"];
  readonly ask: (path: string, init: RequestInit) => Promise<Said>;
}

type AssertionOf = Parameters<typeof signAssertion>[1];

export interface Enrolled {
  readonly device: string;
  readonly keyId: string;
  readonly zitadel?: ZitadelAccount | undefined;
}

export class TestDevice {
  readonly key: KeyObject;
  readonly publicKey: string;
  readonly #around: Around;

  constructor(around: Around, key: KeyObject) {
    this.#around = around;
    this.key = key;
    this.publicKey = publicPem(key);
  }

  async nonce(): Promise<string> {
    return Nonce.parse((await this.#around.post("/v1/nonces")).body).nonce;
  }

  async proof({ audience = this.#around.url, nonce }: { readonly audience?: string; readonly nonce?: string } = {}): Promise<string> {
    return signProof(keySigner(this.key, this.publicKey), { audience, nonce: nonce ?? (await this.nonce()) });
  }

  async enrol(by: object, changed: object = {}): Promise<Said> {
    const request = { publicKey: this.publicKey, hardware: {}, proof: await this.proof(), ...by, ...changed };
    return this.#around.post("/v1/enrolments", request);
  }

  async state(code: string): Promise<Said> {
    return this.#around.ask(`/v1/enrolments/${code}`, { headers: { authorization: `Proof ${await this.proof()}` } });
  }

  assertion(answer: { readonly device: string; readonly keyId: string }, nowMs = Date.now()): Promise<string> {
    return signAssertion(keySigner(this.key, this.publicKey), { ...answer, audience: this.#around.url, nowMs });
  }

  async askToken(answer: { readonly device: string; readonly keyId: string }): Promise<Said> {
    const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: await this.assertion(answer) };
    return this.#around.ask("/oauth/v2/token", { method: "POST", body: new URLSearchParams(form) });
  }

  /** Of Zitadel, as the device itself asks it. */
  async askZitadel({ issuer, project, keyId }: ZitadelAccount, device: string, changed: Partial<AssertionOf> = {}): Promise<Said> {
    const of = { device, keyId, audience: issuer, nowMs: Date.now(), ...changed };
    const assertion = await signAssertion(keySigner(this.key, this.publicKey), of);
    const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion, scope: tokenScope(project) };
    const response = await fetch(`${issuer}/oauth/v2/token`, { method: "POST", body: new URLSearchParams(form) });
    const text = await response.text();
    return { status: response.status, text, body: JSON.parse(text) as unknown, headers: response.headers };
  }

  /** From whoever gives them. */
  async token(answer: Enrolled): Promise<string> {
    const { zitadel, device } = answer;
    const said = zitadel === undefined ? await this.askToken(answer) : await this.askZitadel(zitadel, device);
    return TokenAnswer.parse(said.body).access_token;
  }

  /** From what it was answered to a connection. */
  async login(answer: Enrolled): Promise<NatsConnection> {
    return natsLogin(this.#around.nats, answer.device, await this.token(answer));
  }
}

export function natsLogin(nats: NatsServer, user: string, pass: string): Promise<NatsConnection> {
  return connect({ servers: nats.url, user, pass, inboxPrefix: `_INBOX_${user}`, reconnect: false, timeout: 10_000, noAsyncTraces: true });
}

export function approvedOf({ body }: Said): Extract<EnrolmentAnswer, { state: "approved" }> {
  const answer = EnrolmentAnswer.parse(body);
  if (answer.state !== "approved") throw new Error(`the device is not approved: ${JSON.stringify(body)}`);
  return answer;
}

export function codeIn({ body }: Said): string {
  return EnrolmentAnswer.parse(body).code;
}
