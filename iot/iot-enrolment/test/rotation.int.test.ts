// What ages is replaced while devices are connected: the key of the service's own issuer, the token of
// an image, and the operator's credential. The certificate, the key of a device and Zitadel's own keys
// are in tests of their own; the callout's pair is in iot-callout.

import { BootstrapMade } from "@iot/identity";
import { connectMessaging, fixedCredentials } from "@iot/messaging";
import { eventually, IDENTITY_PASSWORDS } from "@iot/testkit";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeNextKey } from "../src/issuer/issuer-keys.ts";
import { type EnrolledDevice, enrolledByCode } from "./enrolled.ts";
import { codeIn, type Fleet, natsLogin, startFleet } from "./fleet.ts";

let fleet: Fleet;
let devices: EnrolledDevice[];
let logins: NatsConnection[];
beforeAll(async () => {
  fleet = await startFleet();
  devices = await Promise.all(["pi-1", "pi-2", "pi-3"].map((id) => enrolledByCode(fleet, id)));
  logins = await Promise.all(devices.map(async ({ device, answer }) => reconnecting(answer.device, await device.token(answer))));
});
afterAll(async () => {
  for (const login of logins) await login.close();
  await fleet.close();
});

/** As an agent's: it dials again with what it holds. */
async function reconnecting(user: string, pass: string): Promise<NatsConnection> {
  const again = { reconnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 50 };
  const login = await connect({ servers: fleet.nats.url, user, pass, inboxPrefix: `_INBOX_${user}`, ...again, noAsyncTraces: true });
  void (async () => {
    for await (const { type } of login.status()) if (type === "disconnect") ended += 1;
  })();
  return login;
}

let ended = 0;
function expectNeverEnded(): void {
  expect(ended).toBe(0);
}

const kidOf = (jwt: string): string => /"kid":"([^"]+)"/.exec(Buffer.from(jwt.split(".")[0] ?? "", "base64url").toString())?.[1] ?? "";

test("the issuer's key: tokens of both count, and nobody is disconnected", async () => {
  const before = await Promise.all(devices.map(({ device, answer }) => device.token(answer)));
  await makeNextKey(fleet.issuerKeyFile);
  await eventually(
    async () => {
      for (const { device, answer } of devices) {
        const token = await device.token(answer);
        await (await natsLogin(fleet.nats, answer.device, token)).close();
        if (before.some((each) => kidOf(each) === kidOf(token))) return false;
      }
      return true;
    },
    { what: "the next key signs" },
  );
  for (const [index, token] of before.entries()) await (await natsLogin(fleet.nats, devices[index]?.answer.device ?? "", token)).close();
  // A service that starts anew knows both.
  await fleet.restart();
  const { device, answer } = devices[0] ?? {};
  if (device === undefined || answer === undefined) throw new Error("there is no device");
  for (const token of [before[0] ?? "", await device.token(answer)]) {
    expect((await fleet.get("/v1/device", { authorization: `Bearer ${token}` })).status).toBe(200);
    await (await natsLogin(fleet.nats, answer.device, token)).close();
  }
  expectNeverEnded();
});

test("the token of an image: the next one is good before the one before is revoked, and devices stay", async () => {
  const made = async (name: string): Promise<string> =>
    BootstrapMade.parse((await fleet.say("/v1/bootstraps", { name, maxDevices: 5, days: 30 })).body).token;
  const spring = await made("spring");
  const waiting = await fleet.device();
  const code = codeIn(await waiting.enrol({ token: spring }));
  const autumn = await made("autumn");
  expect((await (await fleet.device()).enrol({ token: autumn })).status).toBe(202);
  await fetch(`${fleet.url}/v1/bootstraps/spring`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${await fleet.person("anna", "admin")}` },
  });
  expect((await (await fleet.device()).enrol({ token: spring })).status).toBe(401);
  // Who had asked by it is not lost.
  expect((await fleet.say(`/v1/enrolments/${code}/approve`, { device: "pi-spring" })).status).toBe(200);
  expect((await waiting.state(code)).status).toBe(200);
  expectNeverEnded();
});

test("the operator's password: a reload takes the next one; it ends what devices have, who are back at once by the token that they hold", async () => {
  const operator = await fleet.as("operator");
  await fleet.nats.reload(fleet.natsConfig.replace(`"${IDENTITY_PASSWORDS.operator}"`, '"another-secret"'));
  const signal = AbortSignal.timeout(20_000);
  const next = await eventually(
    () =>
      connectMessaging({
        servers: [fleet.nats.url],
        name: "operator",
        credentials: fixedCredentials({ user: "operator", pass: "another-secret" }),
        log: fleet.log,
        signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]),
      }),
    { what: "the next password is taken" },
  );
  await eventually(() => operator.state().kind !== "connected", { what: "the one before is not" });
  await next.close();
  await eventually(async () => (await Promise.all(logins.map((login) => login.rtt()))).length === 3, { what: "the devices are back" });
  await fleet.nats.reload(fleet.natsConfig);
  await eventually(() => operator.state().kind === "connected", { what: "the tests' operator is back" });
});
