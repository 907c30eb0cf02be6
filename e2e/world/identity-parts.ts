// What gives devices their identities, each a process of its own as a shop would start it: NATS with
// the accounts of nats-identities.conf, the callout beside it, the enrolment service over TLS, and a
// person who may approve.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  freePort,
  IDENTITY_PASSWORDS,
  makeTempFolder,
  makeTestCertificate,
  type NatsServer,
  natsIdentitiesConfig,
  type OpenBao,
  run,
  type ServerProcess,
  startNats,
  startOpenBao,
  startServerProcess,
  type TestIssuer,
} from "@iot/testkit";

const TOP = join(import.meta.dirname, "../..");

export interface IdentityParts {
  readonly nats: NatsServer;
  /** Where devices enrol, as `https://10.88.0.1:34567`. */
  readonly url: string;
  /** The path of the PEM that has signed its certificate. */
  readonly caFile: string;
  /** For the operator, and for `iot` until people have accounts of their own. */
  readonly operatorEnv: Readonly<Record<string, string>>;
  readonly callout: Restartable;
  readonly enrolment: Restartable;
  /** A fleet that had none gets an OpenBao, and goes on with it. */
  useOpenBao(): Promise<OpenBao>;
  /** What `iot` needs of an administrator's environment. */
  readonly iotEnv: Readonly<Record<string, string>>;
  /** `iot` as the administrator. */
  iot(args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string; readonly exitCode: number | null }>;
}

/** A process that a test ends, and starts again. */
export class Restartable {
  readonly #make: () => Promise<ServerProcess>;
  #process: ServerProcess | null = null;
  #before = "";

  constructor(make: () => Promise<ServerProcess>) {
    this.#make = make;
  }

  async start(): Promise<void> {
    this.#process = await this.#make();
  }

  async kill(): Promise<void> {
    this.#before += this.#process?.log() ?? "";
    await this.#process?.kill();
    this.#process = null;
  }

  /** The lines of all its lives. */
  log(): string {
    return `${this.#before}${this.#process?.log() ?? ""}`;
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}

/**
 * `host`: an address of this machine that the devices reach. `users`: devices with a static user.
 * `zitadel`: who gives their tokens.
 */
export async function startIdentityParts(
  host: string,
  stack: AsyncDisposableStack,
  { users = {}, zitadel }: { readonly users?: Readonly<Record<string, string>>; readonly zitadel?: TestIssuer } = {},
): Promise<IdentityParts> {
  const folder = await makeTempFolder("identities");
  stack.defer(() => folder.remove());
  const [keysFile, personFile] = [join(folder.path, "callout-keys.json"), join(folder.path, "person")];
  const [certificate, made] = await Promise.all([
    makeTestCertificate(`IP:${host}`),
    run([process.execPath, join(TOP, "iot/iot-callout/src/main.ts"), "keys", keysFile]),
  ]);
  stack.use(certificate);
  const half = (name: string): string => new RegExp(`^${name}=(\\S+)$`, "m").exec(made.stdout)?.[1] ?? "";
  const publicHalves = { issuer: half("NATS_CALLOUT_ISSUER"), xkey: half("NATS_CALLOUT_XKEY") };
  const nats = stack.use(await startNats({ host, config: natsIdentitiesConfig(publicHalves, { users }) }));

  const believesZitadel: Readonly<Record<string, string>> = zitadel?.caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: zitadel.caFile };
  const calloutEnv = { NATS_URL: nats.url, NATS_PASSWORD: IDENTITY_PASSWORDS.callout, IOT_CALLOUT_KEYS: keysFile, ...believesZitadel };
  const withOpenBao: Record<"callout" | "enrolment", Record<string, string>> = { callout: {}, enrolment: {} };
  const callout = new Restartable(() =>
    started("iot-callout", [], { ...calloutEnv, ...withOpenBao.callout }, "answers the logins of devices"),
  );
  const port = await freePort(host);
  const url = `https://${host}:${port}`;
  const enrolmentEnv = {
    NATS_URL: nats.url,
    NATS_PASSWORD: IDENTITY_PASSWORDS.enrolment,
    NATS_KICK_PASSWORD: IDENTITY_PASSWORDS.kick,
    IOT_ENROLMENT_URL: url,
    IOT_ENROLMENT_LISTEN: `${host}:${port}`,
    IOT_ENROLMENT_STATE: folder.path,
    IOT_ENROLMENT_CERT: certificate.cert,
    IOT_ENROLMENT_CERT_KEY: certificate.key,
    ...(zitadel === undefined
      ? {}
      : {
          IOT_ZITADEL_URL: zitadel.url,
          IOT_ZITADEL_PROJECT: zitadel.project,
          IOT_ZITADEL_ORGANISATION: zitadel.organisation,
          IOT_ZITADEL_TOKEN_FILE: zitadel.tokenFile,
          IOT_ZITADEL_CA: zitadel.caFile ?? "",
          ...believesZitadel,
        }),
  };
  const enrolment = new Restartable(() =>
    started("iot-enrolment", ["--standalone"], { ...enrolmentEnv, ...withOpenBao.enrolment }, "answers devices and people"),
  );
  for (const part of [enrolment, callout]) {
    await part.start();
    stack.defer(() => part.stop());
  }
  const useOpenBao = async (): Promise<OpenBao> => {
    const bao = stack.use(await startOpenBao({ isKept: true, tls: { host, cert: certificate.cert, key: certificate.key } }));
    const credentials = await bao.setUp({ issuer: url, issuerCa: certificate.ca });
    const forDevices = { IOT_DEVICE_OPENBAO_URL: bao.tlsAddress, IOT_DEVICE_OPENBAO_CA: certificate.ca };
    for (const [name, part] of [
      ["callout", callout],
      ["enrolment", enrolment],
    ] as const) {
      Object.assign(withOpenBao[name], { IOT_OPENBAO_URL: bao.address, IOT_OPENBAO_CREDENTIALS: credentials[name], ...forDevices });
      await part.kill();
      await part.start();
    }
    return bao;
  };
  const person = await run([process.execPath, join(TOP, "iot/iot-enrolment/src/main.ts"), "person", "add", "anna", "--role", "admin"], {
    env: enrolmentEnv,
  });
  await writeFile(personFile, person.stdout);
  await chmod(personFile, 0o600);
  const operatorEnv = { NATS_URL: nats.url, NATS_USER: "operator", NATS_PASSWORD: IDENTITY_PASSWORDS.operator };
  const iotEnv = { ...operatorEnv, IOT_ENROLMENT_URL: url, IOT_ENROLMENT_CA: certificate.ca, IOT_PERSON_FILE: personFile };
  return {
    nats,
    url,
    caFile: certificate.ca,
    operatorEnv,
    iotEnv,
    callout,
    enrolment,
    useOpenBao,
    iot: (args) => run([process.execPath, join(TOP, "iot/iot-cli/src/main.ts"), ...args], { env: iotEnv, allowExitCodes: [0, 1, 2, 3, 4] }),
  };
}

function started(name: string, args: readonly string[], env: Readonly<Record<string, string>>, readyWhen: string): Promise<ServerProcess> {
  return startServerProcess({
    name,
    argv: [process.execPath, join(TOP, `iot/${name}/src/main.ts`), ...args],
    env,
    ready: async (log) => log.includes(readyWhen),
  });
}
