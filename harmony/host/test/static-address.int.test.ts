// A static address on a device whose network systemd-networkd manages: the right one stays, over a restart too; a wrong one, and
// one whose gateway is not there, are taken back by the device itself, and nobody is locked out. Everything else that the Score
// asks for is switched off, to see the address alone.

import { type BlankDevice, eventually, startBlankDevice } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HostInterpret, HostReport } from "../src/index.ts";
import { desired, interpretOn, sshOptions } from "./scene.ts";

const signal = new AbortController().signal;
/** Where the address never answers, the whole of it is waited for. */
const SHORT_MS = 5_000;
const CONFIRM_WITHIN_MS = 30_000;
const TRIED = ["/run/systemd/network/04-iot-agent-trial.network", "/etc/systemd/network/05-iot-agent.network"];

let device: BlankDevice;
let host: HostInterpret;
let hasty: HostInterpret;
/** Another /30 beside the device's own, with the host at its other end. */
let other: { device: string; host: string };

beforeAll(async () => {
  device = await startBlankDevice({ name: "networkd" });
  const ownNetwork = `[Match]\nName=host0\n[Network]\nAddress=${device.address}/30\nGateway=${device.hostAddress}\n`;
  await device.writeFile("/etc/systemd/network/50-own.network", ownNetwork);
  await device.exec(["systemctl", "enable", "--quiet", "--now", "systemd-networkd"]);
  const inOther = (address: string): string => address.replace(/^10\.213\./, "10.214.");
  other = { device: inOther(device.address), host: inOther(device.hostAddress) };
  await device.addHostAddress(`${other.host}/30`);
  await eventually(async () => (await addresses()).includes(device.address), { what: "systemd-networkd has taken over" });
  host = interpretOn(sshOptions(device), CONFIRM_WITHIN_MS);
  hasty = interpretOn(sshOptions(device), SHORT_MS);
});
afterAll(async () => {
  await Promise.all([host.close(), hasty.close()]);
  await device.stop();
});

const addresses = async (): Promise<string> => (await device.exec(["ip", "-4", "-brief", "address", "show", "host0"])).stdout;
const there = async (path: string): Promise<boolean> =>
  (await device.exec(["test", "-e", path], { allowExitCodes: [0, 1] })).exitCode === 0;

function score(staticAddress: { address: string; gateway: string }): ReturnType<typeof desired> {
  const nothingElse = { packages: ["openssh-server"], directories: [], podmanSocket: false, timeSync: false, memoryController: false };
  return desired({ ...nothingElse, staticAddress });
}

async function undone(on: HostInterpret, staticAddress: { address: string; gateway: string }): Promise<HostReport> {
  const report = await on.reconcile(score(staticAddress), { signal });
  expect(report).toMatchObject({ phase: "Failed", reason: "AddressUndone" });
  expect(report.message).toContain(`it is back at ${device.address}`);
  expect(await addresses()).toContain(`${device.address}/30`);
  for (const path of TRIED) expect([path, await there(path)]).toEqual([path, false]);
  return report;
}

test("an address at which nobody can reach the device is taken back", async () => {
  const { message } = await undone(hasty, { address: "10.215.0.2/30", gateway: "10.215.0.1" });
  expect(message).toContain("did not answer within 5 s");
});

test("an address whose gateway does not answer is taken back at once", async () => {
  // The host's end has the address that the device would have for its neighbour in a larger network; a third is nobody's.
  const network = other.device.replace(/\d+$/, "");
  const nobody = `${network}${Number(other.device.split(".").at(-1)) ^ 8}`;
  const { message } = await undone(host, { address: `${other.device}/24`, gateway: nobody });
  expect(message).toContain(`the gateway ${nobody} did not answer it`);
});

test("a right one stays, is not set again, and is there after a restart", async () => {
  const right = score({ address: `${other.device}/30`, gateway: other.host });
  const { phase, steps } = await host.reconcile(right, { signal });
  expect(steps.at(-1)).toMatchObject({ outcome: { kind: "changed" } });
  expect(phase).toBe("Running");
  expect(await addresses()).toContain(`${other.device}/30`);
  expect(await addresses()).not.toContain(`${device.address}/30`);
  expect(await Promise.all(TRIED.map(there))).toEqual([false, true]);
  expect((await host.explain(right, signal)).planned).toEqual([]);
  const timers = await device.exec(["systemctl", "list-units", "--no-legend", "iot-provision-*"]);
  expect(timers.stdout).toBe("");

  await device.exec(["systemctl", "restart", "systemd-networkd"]);
  await eventually(async () => (await addresses()).includes(other.device), { what: "the address is there again" });
  expect((await host.explain(right, signal)).planned).toEqual([]);
});

test("a move from one static address to a wrong one ends at the first", async () => {
  await host.close();
  host = interpretOn({ ...sshOptions(device), host: other.device, acceptNewHostKey: true }, SHORT_MS);
  const report = await host.reconcile(score({ address: "10.215.0.2/30", gateway: "10.215.0.1" }), { signal });
  expect(report).toMatchObject({ phase: "Failed", reason: "AddressUndone" });
  expect(report.message).toContain(`it is back at ${other.device}`);
});
