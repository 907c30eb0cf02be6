// Runs a real OCI registry (the reference one, "distribution") on loopback or on the host's end of
// a device's network, without TLS, with a password if wanted. All traffic goes through a small
// relay of our own, which can break a blob off half-way, as a bad link does, and can be taken down.

import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import type { ImageBlob, TestImage } from "./image.ts";
import { registryProgram } from "./real-parts.ts";
import { startServerProcess } from "./server-process.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface RegistryOptions {
  /** The default is 127.0.0.1. Use `device.hostAddress` for a registry that a device must reach. */
  readonly host?: string;
  readonly credentials?: RegistryCredentials;
}

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

export interface Registry {
  /** `host:port`: the beginning of a reference, and the argument of `device.trustRegistry`. */
  readonly address: string;
  /** Uploads an image as `repository:tag`; gives the reference to pull. */
  push(image: TestImage, name: string): Promise<string>;
  /** Makes every layer break off after half of its bytes; false ends that. */
  failHalfWay(on: boolean): void;
  /** Makes a layer take at least this long; 0 ends that. */
  slowDown(layerMs: number): void;
  /** Makes it answer that it is asked too often; false ends that. */
  limit(on: boolean): void;
  /** The number of requests for a path that matches; for "nothing was pulled again". */
  requests(pattern: RegExp): number;
  /** Refuses connections until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const { host = "127.0.0.1", credentials } = options;
  const program = await registryProgram();
  const folder = await makeTempFolder("registry");
  const backendPort = await freePort();
  const port = await freePort(host);
  const address = `${host}:${port}`;
  const configFile = join(folder.path, "config.json");
  // The relay checks the password: the registry's own check wants bcrypt, which nothing here can
  // make.
  await writeFile(
    configFile,
    JSON.stringify({
      version: "0.1",
      log: { level: "warn", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder.path, "data") }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${backendPort}`, secret: randomUUID(), relativeurls: true },
    }),
  );
  const backend = `http://127.0.0.1:${backendPort}`;
  const server = await startServerProcess({
    name: "registry",
    argv: [program, "serve", configFile],
    env: { OTEL_TRACES_EXPORTER: "none" },
    ready: async () => (await fetch(`${backend}/v2/`)).ok,
  });
  const faults: Faults = { failHalfWay: false, layerMs: 0, isLimited: false };
  const paths: string[] = [];
  let relay: Server | undefined;

  const up = async (): Promise<void> => {
    const started = createServer((incoming, outgoing) => {
      paths.push(`${incoming.method} ${incoming.url}`);
      if (faults.isLimited) return tooOften(outgoing);
      if (!isAllowed(incoming, credentials)) return refuse(outgoing);
      passOn(incoming, outgoing, backendPort, faults);
    });
    await new Promise<void>((resolve, reject) => {
      started.once("error", reject);
      started.listen({ host, port }, resolve);
    });
    relay = started;
  };
  const down = async (): Promise<void> => {
    const ending = relay;
    relay = undefined;
    ending?.closeAllConnections();
    if (ending !== undefined) await new Promise<void>((resolve) => ending.close(() => resolve()));
  };
  const stop = async (): Promise<void> => {
    await down();
    await server.stop();
    await folder.remove();
  };
  await up();
  return {
    address,
    push: async (image, name) => {
      const [repository = "", tag = "latest"] = name.split(":");
      for (const blob of image.blobs) await uploadBlob(`${backend}/v2/${repository}`, blob);
      const headers = { "content-type": image.manifestMediaType };
      await put(`${backend}/v2/${repository}/manifests/${tag}`, image.manifest, headers);
      return `${address}/${repository}:${tag}`;
    },
    failHalfWay: (on) => void (faults.failHalfWay = on),
    slowDown: (layerMs) => void (faults.layerMs = layerMs),
    limit: (on) => void (faults.isLimited = on),
    requests: (pattern) => paths.filter((path) => pattern.test(path)).length,
    down,
    up,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Faults {
  failHalfWay: boolean;
  layerMs: number;
  isLimited: boolean;
}

/** A blob below this size is a configuration, not a layer. */
const LAYER_BYTES = 64 * 1024;

function isAllowed(incoming: IncomingMessage, credentials: RegistryCredentials | undefined): boolean {
  if (credentials === undefined) return true;
  const wanted = Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
  return incoming.headers.authorization === `Basic ${wanted}`;
}

function refuse(outgoing: ServerResponse): void {
  const body = JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "authentication required", detail: null }] });
  const headers = {
    "content-type": "application/json",
    "www-authenticate": 'Basic realm="testkit"',
    "docker-distribution-api-version": "registry/2.0",
  };
  outgoing.writeHead(401, headers).end(body);
}

function tooOften(outgoing: ServerResponse): void {
  const body = JSON.stringify({ errors: [{ code: "TOOMANYREQUESTS", message: "pull rate limit reached", detail: null }] });
  // Podman would wait for longer and longer without this header.
  outgoing.writeHead(429, { "content-type": "application/json", "retry-after": "0" }).end(body);
}

function passOn(incoming: IncomingMessage, outgoing: ServerResponse, port: number, faults: Faults): void {
  const { method, url: path, headers } = incoming;
  const onward = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    const length = Number(answer.headers["content-length"] ?? 0);
    const isLayer = method === "GET" && /\/blobs\//.test(path ?? "") && length > LAYER_BYTES;
    if (!isLayer || (!faults.failHalfWay && faults.layerMs === 0)) {
      answer.pipe(outgoing);
      return;
    }
    // Podman asks for the rest of a layer that broke off. That must fail too, or it would succeed
    // half by half.
    if (faults.failHalfWay && headers.range !== undefined) return void outgoing.destroy();
    void sendLayer(answer, outgoing, length, { ...faults });
  });
  onward.on("error", () => outgoing.destroy());
  outgoing.on("close", () => onward.destroy());
  incoming.pipe(onward);
}

async function sendLayer(answer: IncomingMessage, outgoing: ServerResponse, length: number, faults: Faults): Promise<void> {
  let sent = 0;
  const startedAt = performance.now();
  try {
    for await (const piece of answer.iterator()) {
      const chunk = Buffer.from(piece);
      const aheadMs = (sent / length) * faults.layerMs - (performance.now() - startedAt);
      if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
      outgoing.write(chunk);
      sent += chunk.length;
      if (faults.failHalfWay && sent >= length / 2) return void outgoing.destroy();
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}

async function uploadBlob(repository: string, blob: ImageBlob): Promise<void> {
  const there = await fetch(`${repository}/blobs/${blob.digest}`, { method: "HEAD" });
  if (there.ok) return;
  const begun = await fetch(`${repository}/blobs/uploads/`, { method: "POST" });
  const location = begun.headers.get("location");
  if (location === null) throw new Error(`failed to begin an upload to ${repository}: status ${begun.status}`);
  const target = new URL(location, repository);
  target.searchParams.set("digest", blob.digest);
  await put(target.href, blob.data, { "content-type": "application/octet-stream" });
}

async function put(url: string, body: Buffer, headers: Readonly<Record<string, string>>): Promise<void> {
  const answer = await fetch(url, { method: "PUT", body: new Uint8Array(body), headers });
  if (!answer.ok) throw new Error(`failed to push to ${url}: status ${answer.status} ${await answer.text()}`);
}
