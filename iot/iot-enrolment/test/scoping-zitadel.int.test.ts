// What the user of a device may not say or hear, a second time, by the same cases as for static files
// and for tokens of the service's own issuer: here the token is Zitadel's, for which the issuer of the
// tests stands. The grant is the one that the service writes.

import { errors, type NatsConnection } from "@nats-io/nats-core";
import { REFUSED_SUBJECTS, REFUSED_SUBSCRIPTIONS } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { enrolledByCode } from "./enrolled.ts";
import type { Fleet } from "./fleet.ts";
import { startVariant, withZitadel } from "./variant.ts";

let fleet: Fleet;
let a: NatsConnection;
beforeAll(async () => {
  withZitadel();
  fleet = await startVariant();
  const { device, answer } = await enrolledByCode(fleet, "dev-a");
  expect(answer.zitadel).toBeDefined();
  a = await device.login(answer);
});
afterAll(async () => {
  await a.close();
  await fleet.close();
});

async function refusal(asked: Promise<unknown>): Promise<unknown> {
  const error = await asked.then(
    () => "it was answered",
    (reason: unknown) => reason,
  );
  return error instanceof errors.RequestError ? error.cause : error;
}

describe("a device with a token of Zitadel's is refused", () => {
  test.each<readonly [string, string]>([
    ...REFUSED_SUBJECTS,
    ["logins", "$SYS.REQ.USER.AUTH"],
    ["the word to callouts", "iot.auth.reread.dev-a"],
  ])("%s", async (_what, subject) => {
    expect(await refusal(a.request(subject, "{}", { timeout: 1_000 }))).toBeInstanceOf(errors.PermissionViolationError);
  });
  test.each<readonly [string, string]>([...REFUSED_SUBSCRIPTIONS, ["logins", "$SYS.REQ.USER.AUTH"]])(
    "listening to %s",
    async (_what, subject) => {
      expect(await a.subscribe(subject).closed).toBeInstanceOf(errors.PermissionViolationError);
    },
  );
});
