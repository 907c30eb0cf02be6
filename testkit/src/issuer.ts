// Runs the issuer of the tests (real-parts/issuer): tokens and calls as Zitadel has them, on loopback
// or on the host's end of a device's network. It can be killed, and started again with what it kept.

import { randomBytes } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeTestCertificate } from "./certificate.ts";
import { freePort } from "./free-port.ts";
import { issuerProgram } from "./real-parts.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface IssuerOptions {
  /** An address that devices reach: there it is over TLS, by a certificate of the test. */
  readonly host?: string;
  /** How long after a write it is not read yet, as `300ms`. */
  readonly lag?: string;
}

export interface TestIssuer {
  readonly url: string;
  /** The PEM of who signed its certificate; undefined: it is on loopback, without TLS. */
  readonly caFile: string | undefined;
  readonly project: string;
  readonly organisation: string;
  /** The file with the administrator's token. */
  readonly tokenFile: string;
  /** A call of the management, by the administrator. @throws when it is refused. */
  call(method: string, path: string, body?: object): Promise<unknown>;
  /** Makes a key and signs with it from now on; the one before stays published. */
  rotate(): Promise<string>;
  kill(): Promise<void>;
  /** Stops answering without closing a connection, until `resume`. */
  freeze(): void;
  resume(): void;
  start(): Promise<void>;
  log(): string;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startIssuer({ host, lag = "0s" }: IssuerOptions = {}): Promise<TestIssuer> {
  const program = await issuerProgram();
  const folder = await makeTempFolder("issuer");
  const [port, tlsPort] = [await freePort(), await freePort(host)];
  const own = `http://127.0.0.1:${port}`;
  const certificate = host === undefined ? null : await makeTestCertificate(`IP:${host}`);
  const tls = certificate === null ? [] : ["-tls", `${host}:${tlsPort}`, "-cert", certificate.cert, "-key", certificate.key];
  const url = certificate === null ? own : `https://${host}:${tlsPort}`;
  const administrator = randomBytes(16).toString("hex");
  const tokenFile = join(folder.path, "administrator");
  await writeFile(tokenFile, `${administrator}\n`);
  await chmod(tokenFile, 0o600);
  let process: ServerProcess | null = null;
  const start = async (): Promise<void> => {
    process = await startServerProcess({
      name: "issuer",
      argv: [program, "-listen", `127.0.0.1:${port}`, "-state", join(folder.path, "state.json"), "-lag", lag, ...tls],
      env: { ISSUER_PAT: administrator },
      ready: async () => (await fetch(`${own}/oauth/v2/keys`)).ok,
    });
  };
  await start();
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(own + path, {
      method,
      headers: { authorization: `Bearer ${administrator}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: HTTP ${response.status} ${text}`);
    return JSON.parse(text);
  };
  const signal = (name: NodeJS.Signals): void => void globalThis.process.kill(process?.pid ?? 0, name);
  const stop = async (): Promise<void> => {
    await process?.kill();
    await folder.remove();
    await certificate?.[Symbol.asyncDispose]();
  };
  return {
    url,
    caFile: certificate?.ca,
    project: "300000000000000001",
    organisation: "200000000000000001",
    tokenFile,
    call,
    rotate: async () => {
      const id = idIn(await call("POST", "/v2/web_keys", { rsa: {} }));
      await call("POST", `/v2/web_keys/${id}/activate`, {});
      return id;
    },
    kill: async () => process?.kill(),
    freeze: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    start,
    log: () => process?.log() ?? "",
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function idIn(made: unknown): string {
  if (typeof made === "object" && made !== null && "id" in made && typeof made.id === "string") return made.id;
  throw new Error("the issuer made no key");
}
