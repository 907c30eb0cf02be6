// Runs a real OpenBao on loopback: in memory, or with its storage in a folder, so that a test can
// restart it, which leaves it sealed. Nothing in it is set up but what `setUp` does, by the script
// that is shipped.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { run } from "./program.ts";
import { openBaoProgram } from "./real-parts.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { makeTempFolder } from "./temp-folder.ts";

const SETUP = join(import.meta.dirname, "../../iot/deploy/openbao/setup.sh");

export interface OpenBaoOptions {
  /** Keeps what it holds in a folder; the default is in memory. */
  readonly isKept?: boolean;
  /** Listens there, too, as a device must reach it; with `isKept` alone. */
  readonly tls?: { readonly host: string; readonly cert: string; readonly key: string };
}

export interface OpenBaoSetup {
  /** The address of the issuer, which has to answer. */
  readonly issuer: string;
  /** The path of the PEM that signed its certificate. */
  readonly issuerCa?: string;
  readonly project?: string;
  readonly organisation?: string;
  readonly organisationDomain?: string;
}

export interface OpenBaoAnswer {
  readonly status: number;
  readonly text: string;
  readonly body: unknown;
}

/** For the programs of the fleet, each the path of a file. */
export interface OpenBaoCredentials {
  readonly callout: string;
  readonly enrolment: string;
}

export interface OpenBao {
  readonly address: string;
  /** With TLS, where it was asked for. */
  readonly tlsAddress: string;
  /** The file of its audit log, where it is kept. */
  readonly auditLog: string;
  readonly pid: number;
  log(): string;
  /** By its root token, or another. */
  call(method: "GET" | "POST" | "PUT" | "DELETE" | "LIST", path: string, body?: object, token?: string): Promise<OpenBaoAnswer>;
  /** Writes a secret as a person does; `path` is within `iot/`. */
  put(path: string, data: Readonly<Record<string, unknown>>): Promise<void>;
  /** What the shipped script does. Said again, it changes nothing. */
  setUp(setup: OpenBaoSetup): Promise<OpenBaoCredentials>;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  down(): Promise<void>;
  /** Sealed, where it is kept. */
  start(): Promise<void>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const HOST = "127.0.0.1";

export async function startOpenBao({ isKept = false, tls }: OpenBaoOptions = {}): Promise<OpenBao> {
  const program = await openBaoProgram();
  const folder = await makeTempFolder("openbao");
  const [port, clusterPort] = [await freePort(), await freePort()];
  const tlsPort = tls === undefined ? 0 : await freePort(tls.host);
  const address = `http://${HOST}:${port}`;
  const config = join(folder.path, "openbao.hcl");
  const credentials = join(folder.path, "credentials");
  await writeFile(config, configOf({ folder: folder.path, port, clusterPort, tls: tls && { ...tls, port: tlsPort } }));
  let [token, unsealKey] = ["root", ""];
  let process: ServerProcess | undefined;
  const call: OpenBao["call"] = async (method, path, body, by = token) => {
    const init = { method, headers: { "x-vault-token": by }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetch(`${address}/v1/${path}`, init);
    const text = await response.text();
    return { status: response.status, text, body: text === "" ? null : (JSON.parse(text) as unknown) };
  };
  const done = async (...asked: Parameters<OpenBao["call"]>): Promise<OpenBaoAnswer> => {
    const answer = await call(...asked);
    if (answer.status >= 400) throw new Error(`OpenBao refuses ${asked[0]} ${asked[1]}: HTTP ${answer.status} ${answer.text}`);
    return answer;
  };
  const start = async (): Promise<void> => {
    const dev = ["-dev", "-dev-root-token-id=root", `-dev-listen-address=${HOST}:${port}`, "-dev-no-store-token"];
    process = await startServerProcess({
      name: "openbao",
      argv: [program, "server", ...(isKept ? [`-config=${config}`] : dev)],
      // Any status is an answer: not initialized, and sealed, too.
      ready: async () => (await fetch(`${address}/v1/sys/health`)).status > 0,
    });
  };
  const unseal = async (): Promise<void> => {
    await done("PUT", "sys/unseal", { key: unsealKey });
    await eventually(async () => (await call("GET", "sys/health")).status === 200, { what: "OpenBao is unsealed and leads" });
  };
  const stop = async (): Promise<void> => {
    await process?.stop();
    await folder.remove();
  };
  try {
    await mkdir(join(folder.path, "raft"));
    await start();
    if (isKept) {
      const { text } = await done("PUT", "sys/init", { secret_shares: 1, secret_threshold: 1 });
      const word = (pattern: RegExp): string => pattern.exec(text)?.[1] ?? "";
      [token, unsealKey] = [word(/"root_token":"([^"]+)"/), word(/"keys":\["([^"]+)"/)];
      await unseal();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    auditLog: join(folder.path, "audit.log"),
    tlsAddress: tls === undefined ? "" : `https://${tls.host}:${tlsPort}`,
    get pid() {
      return process?.pid ?? -1;
    },
    log: () => process?.log() ?? "",
    call,
    put: async (path, data) => void (await done("POST", `iot/data/${path}`, { data })),
    setUp: async ({ issuer, issuerCa, project = "iot", organisation = "standalone", organisationDomain = organisation }) => {
      const words = ["--issuer", issuer, "--project", project, "--organisation", organisation, "--organisation-domain", organisationDomain];
      const authority = issuerCa === undefined ? [] : ["--issuer-ca", issuerCa];
      await run([SETUP, ...words, ...authority, "--credentials", credentials], {
        env: {
          BAO_ADDR: address,
          BAO_TOKEN: token,
          PATH: `${dirname(program)}:${globalThis.process.env["PATH"] ?? ""}`,
          HOME: folder.path,
        },
      });
      return { callout: join(credentials, "callout.json"), enrolment: join(credentials, "enrolment.json") };
    },
    seal: async () => void (await done("PUT", "sys/seal")),
    unseal,
    down: async () => process?.stop(),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface ConfigOf {
  readonly folder: string;
  readonly port: number;
  readonly clusterPort: number;
  readonly tls: (NonNullable<OpenBaoOptions["tls"]> & { readonly port: number }) | undefined;
}

function configOf({ folder, port, clusterPort, tls }: ConfigOf): string {
  const secured =
    tls === undefined
      ? ""
      : `listener "tcp" {
  address       = "${tls.host}:${tls.port}"
  tls_cert_file = "${tls.cert}"
  tls_key_file  = "${tls.key}"
}
`;
  return `audit "file" "fleet" {
  options { file_path = "${join(folder, "audit.log")}" }
}
storage "raft" {
  path    = "${join(folder, "raft")}"
  node_id = "one"
}
listener "tcp" {
  address     = "${HOST}:${port}"
  tls_disable = true
}
${secured}api_addr     = "http://${HOST}:${port}"
cluster_addr = "http://${HOST}:${clusterPort}"
`;
}
