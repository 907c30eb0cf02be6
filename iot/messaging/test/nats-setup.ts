// The servers that the tests of this package run against: the plain one, and the configuration that is shipped, read from its files.

import { readFileSync } from "node:fs";
import { createLog, type Log } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import { type NatsServer, startNats } from "@iot/testkit";
import { expect } from "vitest";
import { connectMessaging, type ConnectOptions, type Messaging } from "../src/index.ts";

export const deviceA = asDeviceId("dev-a");
export const deviceB = asDeviceId("dev-b");
export const silent: Log = createLog({ name: "test", level: "error", format: "text" });
const OPERATOR_PASSWORD = "operator-secret";
process.env["NATS_OPERATOR_PASSWORD"] = OPERATOR_PASSWORD;
process.env["NATS_AGENT_PASSWORD"] = "agent-secret";

export interface Fleet {
  readonly nats: NatsServer;
  operator(options?: Partial<ConnectOptions>): Promise<Messaging>;
  device(id: typeof deviceA, options?: Partial<ConnectOptions>): Promise<Messaging>;
  [Symbol.asyncDispose](): Promise<void>;
}

const shipped = new URL("../../deploy/nats/", import.meta.url);

/** nats.conf as it is shipped, with the example of devices.conf once for each of our devices. */
export function shippedConfig(devices: readonly string[] = [deviceA, deviceB]): string {
  const users = readFileSync(new URL("devices.conf", shipped), "utf8");
  const [, block = ""] = /users: \[\n([\s\S]*)\n\]/.exec(users) ?? [];
  const blocks = devices.map((id) => block.replaceAll("pi-demo-01", id).replace("change-me", `${id}-secret`));
  return including(`users: [\n${blocks.join("\n")}\n]`);
}

export function shippedSharedConfig(): string {
  return including(readFileSync(new URL("devices-shared.conf", shipped), "utf8"));
}

/** The address is the testkit's to choose. */
function including(devices: string): string {
  const config = readFileSync(new URL("nats.conf", shipped), "utf8").replace(/^listen: .*$/m, "");
  if (!config.includes("include ./devices.conf")) throw new Error("nats.conf does not include devices.conf");
  return config.replace(/include \.\/devices\.conf.*/, () => devices);
}

export type Setup = "plain" | "accounts" | "shared";

export async function startFleet(setup: Setup, clients: { pingIntervalMs?: number } = {}): Promise<Fleet> {
  const nats = await startNats(setup === "plain" ? {} : { config: setup === "accounts" ? shippedConfig() : shippedSharedConfig() });
  const open = new Set<Messaging>();
  const connectAs = async (options: Pick<ConnectOptions, "name"> & Partial<ConnectOptions>): Promise<Messaging> => {
    const messaging = await connectMessaging({
      servers: [nats.url],
      log: silent,
      signal: AbortSignal.timeout(20_000),
      ...clients,
      ...options,
    });
    open.add(messaging);
    return messaging;
  };
  return {
    nats,
    operator: (options) =>
      connectAs({ name: "operator", ...(setup === "plain" ? {} : { user: "operator", pass: OPERATOR_PASSWORD }), ...options }),
    device: (id, options) => connectAs({ name: id, device: id, ...credentials(setup, id), ...options }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...open].map((messaging) => messaging.close()));
      await nats.stop();
    },
  };
}

function credentials(setup: Setup, id: string): { user?: string; pass?: string } {
  if (setup === "plain") return {};
  return setup === "accounts" ? { user: id, pass: `${id}-secret` } : { user: "iot-agent", pass: "agent-secret" };
}

/** vitest's own are `any`. */
export function containing(text: string): unknown {
  return expect.stringContaining(text);
}
