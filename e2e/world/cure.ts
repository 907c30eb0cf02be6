// Measures how soon a device follows again once the cause that kept it from NATS is gone.

import { expect } from "vitest";
import type { FaultWorld } from "./fault-world.ts";

const CURED_WITHIN_MS = 10_000;

/** The time from the cure until that page, of a version pushed meanwhile, is there. */
export async function expectCuredBy(world: FaultWorld, page: readonly [port: number, text: string], cure: () => unknown): Promise<void> {
  await cure();
  const startedMs = Date.now();
  await world.answers(...page);
  const tookMs = Date.now() - startedMs;
  const said = (await world.device.agentEvents()).filter(({ at }) => at >= startedMs - 5_000);
  const story = said.map(({ at, message }) => `${((at - startedMs) / 1_000).toFixed(1)} s: ${message}`).join("\n");
  expect(tookMs, `since the cure, the agent said:\n${story}\n`).toBeLessThan(CURED_WITHIN_MS);
}
