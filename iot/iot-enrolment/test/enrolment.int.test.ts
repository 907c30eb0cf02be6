// The enrolment service beside a real nats-server with the shipped configuration, and the real
// callout: both ways in, to a login; and everybody who is not let in.

import { BootstrapMade, CodeMade, DeviceDocument, StepsAnswer } from "@iot/identity";
import { openAudit, readAudit } from "@iot/messaging";
import { eventually } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { approvedOf, codeIn, type Fleet, natsLogin, startFleet } from "./fleet.ts";

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(() => fleet.close());

async function bootstrap(name: string, maxDevices = 10): Promise<string> {
  return BootstrapMade.parse((await fleet.say("/v1/bootstraps", { name, maxDevices, days: 30 })).body).token;
}

async function codeFor(device: string): Promise<string> {
  return CodeMade.parse((await fleet.say(`/v1/devices/${device}/code`)).body).code;
}

function lastRefusal(): string | undefined {
  return fleet.lines.findLast((line) => line.includes("a login is refused"));
}

describe("both ways in", () => {
  test("with a code that was made for it, a device is approved at once, and comes into NATS", async () => {
    const device = await fleet.device();
    const code = await codeFor("pi-7");
    expect(code).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/);
    const said = await device.enrol({ code: code.toLowerCase().replaceAll("-", "") });
    expect(said.status).toBe(200);
    const answer = approvedOf(said);
    expect(answer).toMatchObject({ device: "pi-7", issuer: fleet.url, project: "iot", nats: { urls: [fleet.nats.url] } });
    const login = await device.login(answer);
    await login.close();
    const bearer = { authorization: `Bearer ${await device.token(answer)}` };
    const { device: id, ...place } = DeviceDocument.parse((await fleet.get("/v1/device", bearer)).body);
    expect({ id, ...place }).toEqual({
      id: "pi-7",
      issuer: fleet.url,
      project: "iot",
      nats: { urls: [fleet.nats.url] },
      keyId: answer.keyId,
    });
  });

  test("with the token of an image, it waits until a person approves it", async () => {
    const device = await fleet.device();
    const token = await bootstrap("spring");
    const said = await device.enrol({ token }, { hardware: { model: "Raspberry Pi 5", serial: "10000000aaaa0001" } });
    expect(said).toMatchObject({ status: 202, body: { state: "pending" } });
    const code = codeIn(said);
    expect(await device.enrol({ token })).toMatchObject({ status: 202, body: said.body });
    expect(await device.state(code)).toMatchObject({ status: 202, body: { state: "pending", code } });
    const asked = { device: "pi-kiln-3", labels: { site: "north" } };
    expect(await fleet.say(`/v1/enrolments/${code}/approve`, asked)).toMatchObject({ status: 200 });
    const answer = approvedOf(await device.state(code));
    expect(answer.device).toBe("pi-kiln-3");
    const login = await device.login(answer);
    await login.close();
  });

  test("one that was denied hears why", async () => {
    const device = await fleet.device();
    const code = codeIn(await device.enrol({ token: await bootstrap("denied") }));
    expect((await fleet.say(`/v1/enrolments/${code}/deny`, { reason: "not ours" })).status).toBe(200);
    expect(await device.state(code)).toMatchObject({ status: 200, body: { state: "denied", reason: "not ours" } });
  });
});

test("a device that is disabled is cut off and stays out, and one that is enabled comes in with a new token", async () => {
  const device = await fleet.device();
  const answer = approvedOf(await device.enrol({ code: await codeFor("pi-stolen") }));
  const token = await device.token(answer);
  const login = await device.login(answer);
  const said = await fleet.say("/v1/devices/pi-stolen/disable", { reason: "stolen" });
  expect(said.status).toBe(200);
  const steps = [
    { step: "grant", isDone: true, message: "disabled (stolen): it gets no token, and the ones that it has are ended" },
    { step: "callouts", isDone: true, message: "1 of 1 know it" },
    { step: "connections", isDone: true, message: "1 ended" },
  ];
  expect(StepsAnswer.parse(said.body).steps).toEqual(steps);
  await login.closed();
  await expect(natsLogin(fleet.nats, "pi-stolen", token)).rejects.toThrow(/authorization violation/i);
  expect(lastRefusal()).toContain("the device is disabled (stolen)");
  expect(await device.askToken(answer)).toMatchObject({
    status: 400,
    body: { error: "invalid_grant", error_description: "the device is disabled (stolen): iot device enable pi-stolen lets it in" },
  });
  expect(await fleet.get("/v1/device", { authorization: `Bearer ${token}` })).toMatchObject({ status: 403 });
  // Said again, it finds nothing left.
  const again = StepsAnswer.parse((await fleet.say("/v1/devices/pi-stolen/disable", { reason: "stolen" })).body).steps;
  expect(again).toEqual([...steps.slice(0, 2), { step: "connections", isDone: true, message: "it had none" }]);

  expect((await fleet.say("/v1/devices/pi-stolen/enable")).status).toBe(200);
  await eventually(async () => (await device.login(answer)).close().then(() => true), { what: "it comes in" });
  await expect(natsLogin(fleet.nats, "pi-stolen", token)).rejects.toThrow(/authorization violation/i);
  expect(lastRefusal()).toContain("from before all of the device's tokens were ended");
});

test("what people did stands in the operator's stream, where the service cannot delete it and devices cannot write", async () => {
  const operator = await fleet.as("operator");
  openAudit(operator, { keepsLimits: true, log: fleet.log });
  await eventually(async () => (await operator.connection.request("$JS.API.STREAM.INFO.audit")).string().includes('"state"'), {
    what: "the stream is there",
  });
  const device = await fleet.device();
  const answer = approvedOf(await device.enrol({ code: await codeFor("pi-told") }));
  await fleet.say("/v1/devices/pi-told/disable", { reason: "lost" });
  await fleet.say("/v1/devices/pi-told/enable");
  const events = (await readAudit(operator, 10)).map(({ source, what, by, message }) => ({ source, what, by, message }));
  expect(events).toEqual([
    { source: "identity", what: "code", by: "admin", message: 'a code was made for "pi-told"' },
    { source: "identity", what: "disable", by: "admin", message: '"pi-told" is disabled (lost)' },
    { source: "identity", what: "enable", by: "admin", message: '"pi-told" is enabled' },
  ]);
  const enrolment = await fleet.as("enrolment");
  for (const subject of ["$JS.API.STREAM.PURGE.audit", "$JS.API.STREAM.DELETE.audit"]) {
    expect((await enrolment.connection.request(subject)).string()).toContain("stream not found");
  }
  const login = await eventually(() => device.login(answer), { what: "it comes in" });
  const callout = await fleet.as("callout");
  for (const connection of [login, callout.connection]) {
    await expect(connection.request("audit.identity.pi-told", "{}", { timeout: 1_000 })).rejects.toThrow(/permission/i);
  }
  await login.close();
  expect(await readAudit(operator, 10)).toHaveLength(3);
});
