// The servers that the tests of this package run against: the plain one, and the configuration that
// is shipped, read from its files.

import { readFileSync } from "node:fs";
import { createLog, type Log } from "@harmony/runtime";
import { asDeviceId, personInbox, type Role } from "@iot/contracts";
import { type NatsServer, startNats } from "@iot/testkit";
import { expect } from "vitest";
import { connectMessaging, type ConnectOptions, fixedCredentials, type Messaging, type UserAndPassword } from "../src/index.ts";

export const deviceA = asDeviceId("dev-a");
export const deviceB = asDeviceId("dev-b");
export const silent: Log = createLog({ name: "test", level: "error", format: "text" });
const OPERATOR_PASSWORD = "operator-secret";
const PEOPLE_PASSWORD = "people-secret";
process.env["NATS_OPERATOR_PASSWORD"] = OPERATOR_PASSWORD;
process.env["NATS_AGENT_PASSWORD"] = "agent-secret";

export interface Fleet {
  readonly nats: NatsServer;
  operator(options?: Partial<ConnectOptions>): Promise<Messaging>;
  device(id: typeof deviceA, options?: Partial<ConnectOptions>): Promise<Messaging>;
  /** As people.conf has it. */
  person(role: Role, options?: Partial<ConnectOptions>): Promise<Messaging>;
  [Symbol.asyncDispose](): Promise<void>;
}

const shipped = new URL("../../deploy/nats/", import.meta.url);
/** The configuration that was shipped with 0.1. */
const shippedBefore = new URL("fixtures/v0.1.0/nats/", import.meta.url);

/**
 * nats.conf as it is shipped, with the example of devices.conf once for each of our devices, and
 * the people of people.conf.
 */
export function shippedConfig(devices: readonly string[] = [deviceA, deviceB]): string {
  return withPeople(including(shipped, usersOf(shipped, devices)));
}

function withPeople(config: string): string {
  const people = readFileSync(new URL("people.conf", shipped), "utf8").replaceAll("change-me", PEOPLE_PASSWORD);
  if (!config.includes("# include ./people.conf")) throw new Error("nats.conf does not speak of people.conf");
  return config.replace("# include ./people.conf", () => people);
}

export function shippedSharedConfig(): string {
  return withPeople(including(shipped, readFileSync(new URL("devices-shared.conf", shipped), "utf8")));
}

/** The example of devices.conf once for each device. */
export function usersOf(folder: URL = shipped, devices: readonly string[] = [deviceA, deviceB]): string {
  const users = readFileSync(new URL("devices.conf", folder), "utf8");
  const [, block = ""] = /users: \[\n([\s\S]*)\n\]/.exec(users) ?? [];
  const blocks = devices.map((id) => block.replaceAll("pi-demo-01", id).replace("change-me", `${id}-secret`));
  return `users: [\n${blocks.join("\n")}\n]`;
}

/** The address is the testkit's to choose. */
function including(folder: URL, devices: string): string {
  const config = readFileSync(new URL("nats.conf", folder), "utf8").replace(/^listen: .*$/m, "");
  if (!config.includes("include ./devices.conf")) throw new Error("nats.conf does not include devices.conf");
  return config.replace(/include \.\/devices\.conf.*/, () => devices);
}

export const CONFIGS = {
  plain: () => "",
  accounts: () => shippedConfig(),
  shared: shippedSharedConfig,
  "accounts of 0.1": () => including(shippedBefore, usersOf(shippedBefore)),
  "shared of 0.1": () => including(shippedBefore, readFileSync(new URL("devices-shared.conf", shippedBefore), "utf8")),
  "accounts with users of 0.1": () => including(shipped, usersOf(shippedBefore)),
} as const;
export type Setup = keyof typeof CONFIGS;

export async function startFleet(setup: Setup, clients: { pingIntervalMs?: number } = {}): Promise<Fleet> {
  const nats = await startNats({ config: CONFIGS[setup]() });
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
      connectAs({ name: "operator", ...(setup === "plain" ? {} : shown({ user: "operator", pass: OPERATOR_PASSWORD })), ...options }),
    device: (id, options) => connectAs({ name: id, device: id, ...credentials(setup, id), ...options }),
    person: (role, options) => {
      const user = `alice-${role}`;
      return connectAs({ name: user, inboxPrefix: personInbox(user), ...shown({ user, pass: PEOPLE_PASSWORD }), ...options });
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...open].map((messaging) => messaging.close()));
      await nats.stop();
    },
  };
}

function credentials(setup: Setup, id: string): Pick<ConnectOptions, "credentials"> {
  if (setup === "plain") return {};
  return shown(setup.startsWith("shared") ? { user: "iot-agent", pass: "agent-secret" } : { user: id, pass: `${id}-secret` });
}

function shown(credential: UserAndPassword): Pick<ConnectOptions, "credentials"> {
  return { credentials: fixedCredentials(credential) };
}

/** vitest's own are `any`. */
export function containing(text: string): unknown {
  return expect.stringContaining(text);
}
