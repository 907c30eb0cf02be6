import { expect, test } from "vitest";
import { FreshService } from "./fresh-service.ts";

const { signal } = new AbortController();

function serviceOf(config: { print: string; isOfBoot: boolean }) {
  let restarts = 0;
  const service = new FreshService(
    { restart: () => Promise.resolve(void (restarts += 1)) },
    { podmanConfig: () => Promise.resolve({ ...config }) },
  );
  return { service, restarts: () => restarts };
}

test("a service that has read what is there is not restarted for a failure", async () => {
  const { service, restarts } = serviceOf({ print: "a", isOfBoot: true });
  await service.renewIfChanged(signal);
  expect(await service.renewAfterFailure(signal)).toBe(false);
  expect(restarts()).toBe(0);
});

test("one that may be older than a change is restarted once for a failure", async () => {
  const { service, restarts } = serviceOf({ print: "a", isOfBoot: false });
  await service.renewIfChanged(signal);
  expect([await service.renewAfterFailure(signal), await service.renewAfterFailure(signal)]).toEqual([true, false]);
  expect(restarts()).toBe(1);
});

test("a change is met with a restart, which breaks open streams off; and hinted at to those that failed", async () => {
  const config = { print: "a", isOfBoot: true };
  const { service, restarts } = serviceOf(config);
  await service.renewIfChanged(signal);
  service.notePull("app", true);
  service.notePull("other", true);
  service.notePull("other", false);
  expect(await service.curedByChange()).toEqual([]);
  config.print = "b";
  expect(await service.curedByChange()).toEqual(["app"]);
  const stream = service.untilRestart();
  await service.renewIfChanged(signal);
  expect([restarts(), stream.aborted, service.untilRestart().aborted]).toEqual([1, true, false]);
  expect(await service.curedByChange()).toEqual([]);
});

test("it is never restarted while a step of another is under way; the next failure tries again", async () => {
  const config = { print: "a", isOfBoot: true };
  const { service, restarts } = serviceOf(config);
  await service.renewIfChanged(signal);
  config.print = "b";
  const other = Promise.withResolvers<void>();
  const busy = service.during(() => other.promise);
  await service.during(async () => {
    await service.renewIfChanged(signal);
    expect(await service.renewAfterFailure(signal)).toBe(false);
  });
  expect(restarts()).toBe(0);
  other.resolve();
  await busy;
  expect(await service.during(() => service.renewAfterFailure(signal))).toBe(true);
});
