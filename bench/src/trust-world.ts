// What the measurements of trust stand on: nats-server as shipped, one callout as a process, and
// devices that are a name and a token. A login is made with bare sockets, so that the side that
// dials costs little.

import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { type Issuer, makeDeviceKey, signToken } from "@iot/identity";
import { connectMessaging, fixedCredentials, openDocumentStore } from "@iot/messaging";
import {
  IDENTITY_PASSWORDS,
  makeTempFolder,
  type NatsServer,
  natsIdentitiesConfig,
  run,
  type ServerProcess,
  startNats,
  startServerProcess,
} from "@iot/testkit";

const CALLOUT = join(import.meta.dirname, "../../iot/iot-callout/src/main.ts");
const PLACE = { issuer: "https://enrol.example", project: "iot", organisation: "standalone" };
const log = createLog({ name: "bench", level: "error" });

export interface User {
  readonly user: string;
  readonly pass: string;
}

export interface TrustWorld {
  readonly nats: NatsServer;
  readonly callout: ServerProcess;
  readonly devices: readonly User[];
  /** Ends the callout, and starts another with what is kept in the bucket. */
  restartCallout(): Promise<void>;
}

/** Without devices the bucket has no issuer: the service beside it is the one. */
export async function startTrustWorld(count: number, stack: AsyncDisposableStack): Promise<TrustWorld> {
  const folder = await makeTempFolder("trust");
  stack.defer(() => folder.remove());
  const keysFile = join(folder.path, "keys.json");
  const { stdout } = await run([process.execPath, CALLOUT, "keys", keysFile]);
  const [, issuer = "", xkey = ""] = /ISSUER=(\w+)\n.*XKEY=(\w+)/.exec(stdout) ?? [];
  const nats = stack.use(await startNats({ config: natsIdentitiesConfig({ issuer, xkey }) }));
  const devices = count === 0 ? [] : await grantedDevices(nats, count);
  const start = (): Promise<ServerProcess> =>
    startServerProcess({
      name: "iot-callout",
      argv: [process.execPath, CALLOUT],
      env: { NATS_URL: nats.url, NATS_PASSWORD: IDENTITY_PASSWORDS.callout, IOT_CALLOUT_KEYS: keysFile },
      ready: async (text) => text.includes("answers the logins of devices"),
    });
  let callout = await start();
  stack.defer(() => callout.stop());
  return {
    nats,
    devices,
    get callout() {
      return callout;
    },
    restartCallout: async () => {
      await callout.stop();
      callout = await start();
    },
  };
}

async function grantedDevices(nats: NatsServer, count: number): Promise<readonly User[]> {
  const aborted = AbortSignal.timeout(120_000);
  const credentials = fixedCredentials({ user: "enrolment", pass: IDENTITY_PASSWORDS.enrolment });
  const messaging = await connectMessaging({ servers: [nats.url], name: "enrolment", credentials, log, signal: aborted });
  const grants = await openDocumentStore(messaging, { bucket: "grants", log, signal: aborted });
  const key = createPrivateKey(await makeDeviceKey());
  const { n = "", e = "" } = createPublicKey(key).export({ format: "jwk" });
  const issuer: Issuer = { ...PLACE, jwks: { keys: [{ kty: "RSA", n, e, kid: "k1", alg: "RS256", use: "sig" }] } };
  await grants.put("_issuer", issuer, 0);
  const devices: User[] = [];
  for (let index = 0; index < count; index += 1) {
    const user = `pi-${index}`;
    await grants.put(user, { state: "approved", capabilities: ["desired-state", "status", "inventory"] }, 0);
    devices.push({
      user,
      pass: await signToken(key, { subject: user, role: "device", issuer: PLACE, keyId: "k1", nowMs: Date.now(), lifeS: 43_200 }),
    });
  }
  await grants.close();
  await messaging.close();
  return devices;
}

/** From the dial to the server's first answer. The socket is the caller's to end. */
export function login({ host, port }: Pick<NatsServer, "host" | "port">, { user, pass }: User): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port, noDelay: true });
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the server closed the connection")));
  socket.on("data", (data) => {
    const text = data.toString("latin1");
    if (text.startsWith("INFO"))
      socket.write(`CONNECT ${JSON.stringify({ user, pass, verbose: false, protocol: 1, lang: "bench", version: "1" })}\r\nPING\r\n`);
    else if (text.includes("-ERR")) reject(new Error(text.trim()));
    if (text.includes("PONG")) resolve(socket);
    else if (text.includes("PING")) socket.write("PONG\r\n");
  });
  return promise;
}

/** Milliseconds of each, at most so many at once; the sockets are ended. */
export async function logins(nats: NatsServer, users: readonly User[], concurrent: number): Promise<readonly number[]> {
  const [times, sockets]: [number[], Socket[]] = [[], []];
  const waiting = [...users];
  await Promise.all(
    Array.from({ length: concurrent }, async () => {
      for (let user = waiting.pop(); user !== undefined; user = waiting.pop()) {
        const startedMs = performance.now();
        sockets.push(await login(nats, user));
        times.push(performance.now() - startedMs);
      }
    }),
  );
  for (const socket of sockets) socket.destroy();
  return times;
}

/** As the kernel has it: at most since it started, and the CPU that it has used. */
export async function spent(pid: number): Promise<{ readonly mostMb: number; readonly cpuMs: number }> {
  const [status, stat] = await Promise.all([readFile(`/proc/${pid}/status`, "utf8"), readFile(`/proc/${pid}/stat`, "utf8")]);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Ticks of 10 ms.
  return { mostMb: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024, cpuMs: (Number(fields[11]) + Number(fields[12])) * 10 };
}
