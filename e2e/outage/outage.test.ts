// The tests that take minutes of waiting and nothing else: an agent as it is shipped, with its
// intervals of half a minute, when its connection falls silent and when NATS is out for ten
// minutes. They run beside the other tests, since they cost them nothing.

import { eventually } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectCuredBy } from "../world/cure.ts";
import { FaultWorld } from "../world/fault-world.ts";

const WEB = 8080;
const OUTAGE_MS = 600_000;
const LOOK_EVERY_MS = 5_000;

let world: FaultWorld;
let version = "1";

beforeAll(async () => {
  world = await FaultWorld.start({ through: "name", intervals: "as shipped" });
  await world.push({ web: [version, WEB] });
  await isRight();
});
afterAll(() => world?.stop());

async function pushOther(): Promise<void> {
  version = version === "1" ? "2" : "1";
  await world.push({ web: [version, WEB] });
}

async function isRight(): Promise<void> {
  await world.answers(WEB, `version=${version}`);
  await world.statusSays(/^connected to NATS central\.lan:\d+, 1 of 1 deployment running$/m);
}

test("the connection is open and silent: it is found out within a minute, and what was pushed meanwhile is followed", async () => {
  world.deviceRelay.freeze();
  const frozenMs = Date.now();
  await pushOther();
  await world.agentSays(/lost the connection to NATS/, frozenMs);
  expect(Date.now() - frozenMs).toBeLessThan(60_000);
  await expectCuredBy(world, [WEB, `version=${version}`], () => world.deviceRelay.resume());
  await isRight();
});

test(
  "NATS is out for ten minutes: the containers answer, the agent stays and says why, and follows soon after",
  { timeout: OUTAGE_MS * 1.5 },
  async () => {
    const old = version;
    const before = await world.container("web_hello");
    const pid = await world.agentPid();
    await world.deviceRelay.down();
    await world.nats.down();
    const outMs = Date.now();
    await pushOther();
    await world.statusSays(/the connection is refused: that machine is there, nothing listens on the port; start nats-server/);
    for (let lookMs = LOOK_EVERY_MS; lookMs <= OUTAGE_MS; lookMs += LOOK_EVERY_MS) {
      await eventually(() => Date.now() - outMs > lookMs, { what: "some seconds", timeoutMs: 30_000, intervalMs: 500 });
      expect(await world.page(WEB)).toContain(`version=${old}`);
    }
    await world.statusSays(/the connection is refused: that machine is there/);
    expect(await world.container("web_hello")).toEqual(before);
    expect(await world.agentPid()).toBe(pid);
    // The log names each cause once, however often the connection is tried.
    const said = (await world.device.agentEvents()).filter(({ at }) => at >= outMs).map(({ message }) => message);
    expect(said.filter((line) => /connection is refused/.test(line))).toHaveLength(1);
    await world.deviceRelay.listen();
    await expectCuredBy(world, [WEB, `version=${version}`], () => world.nats.start());
    await isRight();
    expect(await world.agentPid()).toBe(pid);
  },
);
