// Two devices with one id and one credential, as a copied card makes them, on the NATS that is
// shipped: each finds the other by its inventory, both write less often, and who reads their status
// sees two.

import { createLog } from "@harmony/runtime";
import { asDeviceId, type DeviceStatus } from "@iot/contracts";
import { BootsHeard } from "@iot/fleet";
import { connectMessaging, fixedCredentials, type Messaging, openInventoryStore, openStatusStore } from "@iot/messaging";
import { openStatusWriter } from "@iot/messaging/device";
import { ACCOUNT_PASSWORDS, eventually, natsAccountsConfig, type NatsServer, startNats } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FoundId, SharedId } from "../src/status/shared-id.ts";
import { StatusSender } from "../src/status/status-sender.ts";

const DEVICE = asDeviceId("pi-7");
const STATUS_MS = 200;
const log = createLog({ name: "test", write: () => undefined });
const ended = new AbortController();

let nats: NatsServer;
const senders: StatusSender[] = [];
beforeAll(async () => {
  nats = await startNats({ config: natsAccountsConfig({ devices: [DEVICE] }) });
});
afterAll(async () => {
  await Promise.all(senders.map((sender) => sender.close()));
  ended.abort();
  await nats?.stop();
});

function connect(user: string, pass: string, device?: typeof DEVICE): Promise<Messaging> {
  const credentials = fixedCredentials({ user, pass });
  return connectMessaging({
    servers: [nats.url],
    name: user,
    credentials,
    log,
    signal: ended.signal,
    ...(device === undefined ? {} : { device }),
  });
}

interface Copy {
  readonly sender: StatusSender;
  readonly found: FoundId["problem"][];
}

async function boot(bootId: string): Promise<Copy> {
  const found: FoundId["problem"][] = [];
  const base = { device: DEVICE, agentVersion: "1", manifestRevision: null, deployments: {} };
  const sender: StatusSender = new StatusSender({
    statusIntervalMs: STATUS_MS,
    log,
    status: (): DeviceStatus => ({
      ...base,
      reportedAt: new Date().toISOString(),
      statusIntervalSeconds: Math.ceil(sender.statusEveryMs() / 1_000),
    }),
    inventory: () => Promise.resolve({ ...base, bootId, architecture: "amd64", capabilities: [], labels: {}, facts: {} }),
    bootId,
    sharedId: new SharedId(DEVICE, bootId),
    onFound: (problem) => found.push(problem),
    inventoryEveryMs: 300,
  });
  senders.push(sender);
  sender.attach(openStatusWriter(await connect(DEVICE, `${DEVICE}-secret`, DEVICE), DEVICE));
  return { sender, found };
}

test("each finds the other and names both boots, who reads sees two by turns, and both write less", { timeout: 60_000 }, async () => {
  const operator = await connect("operator", ACCOUNT_PASSWORDS.operator);
  const statuses = await openStatusStore(operator, { log });
  await openInventoryStore(operator, { log });
  const boots = new BootsHeard();
  const seen: (string | null)[] = [];
  await statuses.watch(({ device, status, receivedAtMs }) => {
    if (status.ok) seen.push(boots.hear(device, status.value, receivedAtMs)?.message ?? null);
  }, ended.signal);

  const first = await boot("3f9a1c77-0000");
  await eventually(() => first.found.length >= 2, { what: "it has read its own inventory" });
  expect(first.found).toEqual(first.found.map(() => null));
  expect(seen).toEqual(seen.map(() => null));

  const second = await boot("77be0233-1111");
  const last = (copy: Copy): string => copy.found.at(-1)?.message ?? "";
  await eventually(() => last(first).includes("boot 77be02; this one is of boot 3f9a1c"), { what: "the first has found the second" });
  await eventually(() => last(second).includes("boot 3f9a1c; this one is of boot 77be02"), { what: "the second has found the first" });
  await eventually(() => seen.at(-1)?.includes('two devices report as "pi-7" by turns (boots 3f9a1c and 77be02)') === true, {
    what: "who reads sees two",
  });
  expect([first.sender.statusEveryMs(), second.sender.statusEveryMs()]).toEqual([10 * STATUS_MS, 10 * STATUS_MS]);
  const from = seen.length;
  await eventually(() => seen.length > from + 4, { what: "both go on", timeoutMs: 20_000 });
  expect(new Set(seen.slice(from)).size).toBe(1);

  await second.sender.close();
  await eventually(() => last(first) === "", { what: "the first is alone again", timeoutMs: 20_000 });
  expect(first.sender.statusEveryMs()).toBe(STATUS_MS);
});
