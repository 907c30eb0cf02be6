// What an agent answers and refuses, with a variant that knows no container: its log is a file, and
// its only command is made up. So nothing in sessions, logs and commands knows Podman.

import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { personInbox, type Role, type SessionStatus } from "@iot/contracts";
import {
  connectMessaging,
  DeviceAsker,
  type Ended,
  ensureToldStreams,
  fixedCredentials,
  type Messaging,
  type Question,
} from "@iot/messaging";
import { createLog } from "@harmony/runtime";
import { ACCOUNT_PASSWORDS, eventually, natsAccountsConfig, type NatsServer, natsSharedConfig, run, startNats } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Central, DEVICE } from "./central.ts";
import { type FileDevice, fileScore, makeFileDevice } from "./file-agent.ts";

const quiet = createLog({ name: "person", write: () => undefined });
const signal = AbortSignal.timeout(100_000);
const OWN = { user: DEVICE, pass: `${DEVICE}-secret` };
const SHARED = { user: "iot-agent", pass: "agent-secret" };
const OPEN = { logs: true, exec: true, forward: [], users: null };
const IOT = join(import.meta.dirname, "../../iot-cli/src/main.ts");

async function person(url: string, role: Role | null): Promise<{ readonly messaging: Messaging; readonly asker: DeviceAsker }> {
  const user = role === null ? undefined : `alice-${role}`;
  const inbox = user === undefined ? "_INBOX" : personInbox(user);
  const messaging = await connectMessaging({
    servers: [url],
    name: "person",
    credentials: fixedCredentials({ user, pass: ACCOUNT_PASSWORDS.people }),
    inboxPrefix: inbox,
    log: quiet,
    signal,
  });
  onTestFinished(() => messaging.close());
  return { messaging, asker: new DeviceAsker(messaging, { inbox }) };
}

interface Said {
  readonly text: string;
  readonly ended: Ended;
}

async function hear(asker: DeviceAsker, question: Omit<Question, "device">, typed = ""): Promise<Said> {
  const session = await eventually(() => asker.ask({ device: DEVICE, ...question }, signal), {
    what: "the device answers",
    timeoutMs: 20_000,
  });
  let text = "";
  const type = async (): Promise<void> => {
    if (typed !== "") await session.write("stdin", Buffer.from(typed));
    if (question.verb === "exec" || question.verb === "forward") session.endOfInput();
  };
  // One that is refused takes nothing.
  const typing = type().catch(() => undefined);
  for await (const { channel, data } of session.incoming()) if (channel === "stdout") text += Buffer.from(data).toString();
  await typing;
  return { text, ended: await session.ended };
}

const status = ({ ended }: Said): SessionStatus => (ended.kind === "status" ? ended.status : { reason: ended.kind });

describe("with a NATS user of its own", () => {
  let nats: NatsServer;
  let central: Central;
  let device: FileDevice;
  beforeAll(async () => {
    nats = await startNats({ config: natsAccountsConfig({ devices: [DEVICE] }) });
    central = await Central.connect(nats.url, DEVICE, fixedCredentials({ user: "operator", pass: ACCOUNT_PASSWORDS.operator }));
    device = await makeFileDevice();
    device.start(nats.url, DEVICE, { credential: OWN, remote: OPEN });
    await central.apply({ hello: fileScore("one two three") });
    await central.untilStatus("hello is there", ({ deployments }) => deployments["hello"]?.phase === "Running");
  });
  afterAll(async () => {
    await device[Symbol.asyncDispose]();
    await central.close();
    await nats.stop();
  });

  test("a log is what the variant gives, from where it was asked for", async () => {
    const { asker } = await person(nats.url, "support");
    const words = ({ text }: Said): readonly string[] => [...text.matchAll(/"m":"(\w*)"/g)].map(([, word = ""]) => word);
    expect(words(await hear(asker, { verb: "logs", fields: { deployment: "hello" } }))).toEqual(["one", "two", "three"]);
    expect(words(await hear(asker, { verb: "logs", fields: { deployment: "hello", tail: 1 } }))).toEqual(["three"]);
    expect(words(await hear(asker, { verb: "logs", fields: { deployment: "hello", cursor: "0" } }))).toEqual(["two", "three"]);
  });

  test("a command is run by the variant, with its exit code", async () => {
    const { asker } = await person(nats.url, "maintainer");
    const said = await hear(asker, { verb: "exec", fields: { deployment: "hello", command: ["end", "42"], stdin: true } }, "typed");
    expect([said.text, status(said)]).toEqual(["typed", { exitCode: 42 }]);
    const none = await hear(asker, { verb: "exec", fields: { deployment: "hello", command: ["other"] } });
    expect(status(none)).toEqual({ reason: "NoSuchProgram", message: "there is only `end`", exitCode: 127 });
  });

  test.each<[string, Omit<Question, "device">, object]>([
    ["another deployment", { verb: "logs", fields: { deployment: "none" } }, { reason: "NoSuchDeployment" }],
    ["nothing", { verb: "logs" }, { reason: "WrongRequest" }],
    ["a name that is none", { verb: "logs", fields: { deployment: "../x" } }, { reason: "WrongRequest" }],
    ["a command without words", { verb: "exec", fields: { deployment: "hello", command: [] } }, { reason: "WrongRequest" }],
    ["its own journal, which it has not", { verb: "logs", fields: { unit: "iot-agent" } }, { reason: "NoJournal" }],
    ["doctor, which it has not", { verb: "doctor", isShort: true }, { reason: "NoDoctor" }],
    ["why", { verb: "explain", isShort: true, fields: { deployment: "hello" } }, { result: { deployment: "hello" } }],
    [
      "a hold for no time",
      { verb: "hold", isShort: true, fields: { deployment: "hello", seconds: 0, reason: "x" } },
      { reason: "WrongRequest" },
    ],
  ])("is asked for %s", async (_what, question, answer) => {
    const { asker } = await person(nats.url, "maintainer");
    expect(status(await hear(asker, question))).toMatchObject(answer);
  });

  test("who asked, for what, and how it ended stands in its log", async () => {
    const { asker } = await person(nats.url, "maintainer");
    await hear(asker, { verb: "exec", fields: { deployment: "hello", command: ["end", "7"] } });
    await eventually(() => device.lines.some((line) => line.includes("session is over") && line.includes("alice-maintainer")), {
      what: "it says so",
    });
    expect(device.lines.some((line) => line.includes("a person asks") && line.includes("end") && line.includes("alice-maintainer"))).toBe(
      true,
    );
  });

  test("the third command is refused, and who has the others is said; one that leaves makes room", async () => {
    const { asker } = await person(nats.url, "maintainer");
    const fields = { deployment: "hello", command: ["end", "0"], stdin: true };
    const open = await Promise.all([1, 2].map(() => asker.ask({ device: DEVICE, verb: "exec", fields }, signal)));
    const refused = await hear(asker, { verb: "exec", fields });
    expect(status(refused)).toMatchObject({
      reason: "TooManySessions",
      message: expect.stringContaining("exec of alice-maintainer") as unknown,
    });
    open[0]?.close();
    await eventually(async () => status(await hear(asker, { verb: "exec", fields })).exitCode === 0, { what: "there is room" });
    open[1]?.close();
  });

  const iot = async (role: Role, ...args: string[]) =>
    run([process.execPath, IOT, ...args], {
      env: { NATS_URL: nats.url, NATS_USER: `alice-${role}`, NATS_PASSWORD: ACCOUNT_PASSWORDS.people },
      allowExitCodes: [0, 1, 2, 3, 4],
    });

  test("who asked, for what, and how it ended is in the audit, without what was typed; a viewer does not read it", async () => {
    const { asker } = await person(nats.url, "maintainer");
    await hear(
      asker,
      { verb: "exec", fields: { deployment: "hello", command: ["end", "9", "\u001b[2Jwiped"], stdin: true } },
      "a password",
    );
    await hear(asker, { verb: "logs", fields: { deployment: "hello" } });
    const text = await eventually(
      async () => {
        const { stdout } = await iot("maintainer", "audit", DEVICE);
        return stdout.includes("exit code 9") && stdout.includes("end  ") && stdout.includes("logs hello: exit code 0") && stdout;
      },
      { what: "the end is there", timeoutMs: 10_000 },
    );
    expect(text).toMatch(/ {2}pi-1 {2}open {2}alice-maintainer \(127\.0\.0\.1\) {2}[0-9a-f]{8} {2}exec hello -- end 9 wiped\n/);
    expect(text).toMatch(/ {2}pi-1 {2}end {2}alice-maintainer .* exec hello -- end 9 wiped: exit code 9, 10 bytes out, 10 in\n/);
    expect(text).not.toContain("password");
    expect(await iot("viewer", "audit", DEVICE)).toMatchObject({ exitCode: 4, stdout: "" });
    expect((await iot("maintainer", "audit", "--since", "1h", "--json")).stdout).toContain('"verb": "exec"');
  });

  test("a log needs no device where one alone has the deployment, and of several each line says whose it is", async () => {
    expect(await iot("support", "logs", "hello")).toEqual(await iot("support", "logs", "hello", DEVICE));
    expect(await iot("support", "logs", "none")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("no device says") as unknown,
    });
    const both = await iot("support", "logs", "hello", DEVICE, "pi-9");
    expect(both.stdout).toBe("[pi-1] one\n[pi-1] two\n[pi-1] three\n");
    expect(both.stderr).toContain("pi-9 is not connected");
    const many = await iot("support", "logs", "hello", ...Array.from({ length: 6 }, (_, index) => `pi-${index}`));
    expect(many).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("6 devices are more than 5 at once") as unknown });
    expect((await iot("support", "logs", "hello", "--all-devices")).stdout).toBe("one\ntwo\nthree\n");
  });

  test("who is there is shown, and a maintainer ends it", async () => {
    const { asker } = await person(nats.url, "maintainer");
    const open = await asker.ask(
      { device: DEVICE, verb: "exec", fields: { deployment: "hello", command: ["end", "0"], stdin: true } },
      signal,
    );
    const shown = await eventually(
      async () => {
        const { stdout } = await iot("support", "sessions", DEVICE);
        return stdout.includes("exec") && stdout;
      },
      { what: "it is shown" },
    );
    const [, id = ""] = /^pi-1 +([0-9a-f]{8}) +alice-maintainer +exec +hello /m.exec(shown) ?? [];
    expect(await iot("support", "sessions", DEVICE, "end", id)).toMatchObject({ exitCode: 4 });
    expect((await iot("maintainer", "sessions")).stdout).toContain(id);
    expect(await iot("maintainer", "sessions", DEVICE, "end", id)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await open.ended).toMatchObject({ kind: "status", status: { reason: "EndedByPerson" } });
    expect(await iot("maintainer", "sessions", DEVICE, "end", id)).toMatchObject({ exitCode: 1 });
  });

  test("a port that is opened is there for a person, both ways, and no other is", async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket));
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    onTestFinished(() => void echo.close());
    const address = echo.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await device.stop();
    device.start(nats.url, DEVICE, { credential: OWN, remote: { ...OPEN, forward: [port, 9] } });
    const { asker } = await person(nats.url, "maintainer");
    const ask = (of: number): Promise<Said> => hear(asker, { verb: "forward", fields: { port: of } }, "x".repeat(100_000));
    await eventually(async () => status(await ask(port)).exitCode === 0, { what: "it is open", timeoutMs: 20_000 });
    const { text, ended } = await ask(port);
    expect([text.length, ended]).toEqual([100_000, { kind: "status", status: { exitCode: 0 } }]);
    expect(status(await ask(1))).toMatchObject({ reason: "PortClosed", message: expect.stringContaining("forward = [1]") as unknown });
    expect(status(await ask(9))).toMatchObject({ reason: "PortClosed", message: expect.stringContaining("nothing on pi-1") as unknown });
    const piped = await run(["sh", "-c", `printf hello | ${process.execPath} ${IOT} port-forward --stdio ${DEVICE} ${port}`], {
      env: { NATS_URL: nats.url, NATS_USER: "alice-maintainer", NATS_PASSWORD: ACCOUNT_PASSWORDS.people },
    });
    expect(piped.stdout).toBe("hello");
    expect(await iot("support", "port-forward", "--stdio", DEVICE, String(port))).toMatchObject({ exitCode: 4 });
  });

  test("a command whose beginning cannot be written down is not begun; a log is", async () => {
    await central.messaging.connection.request("$JS.API.STREAM.DELETE.device-audit");
    const { asker } = await person(nats.url, "maintainer");
    const fields = { deployment: "hello", command: ["end", "0"] };
    expect(status(await hear(asker, { verb: "exec", fields }))).toMatchObject({ reason: "AuditUnavailable" });
    expect(status(await hear(asker, { verb: "forward", fields: { port: 9 } }))).toMatchObject({ reason: "AuditUnavailable" });
    expect(status(await hear(asker, { verb: "logs", fields }))).toMatchObject({ exitCode: 0 });
    expect(device.lines.filter((line) => line.includes("keeps no audit"))).toHaveLength(1);
    await ensureToldStreams(central.messaging, { log: quiet });
    expect(status(await hear(asker, { verb: "exec", fields }))).toMatchObject({ exitCode: 0 });
  });

  test("what its own configuration closes is closed for everybody", async () => {
    await device.stop();
    device.start(nats.url, DEVICE, { credential: OWN, remote: { logs: false, exec: false, forward: [], users: ["alice-maintainer"] } });
    const { asker } = await person(nats.url, "maintainer");
    for (const verb of ["logs", "exec"] as const)
      expect(status(await hear(asker, { verb, fields: { deployment: "hello", command: ["end", "0"] } }))).toMatchObject({
        reason: "NotPermitted",
      });
    const { asker: other } = await person(nats.url, "support");
    expect(status(await hear(other, { verb: "ping", isShort: true }))).toMatchObject({ reason: "NotPermitted" });
    expect(status(await hear(asker, { verb: "ping", isShort: true }))).toMatchObject({ result: { device: DEVICE, remote: [] } });
  });
});

test("with a credential that others have, it runs no command, and says once that a log may be heard", async () => {
  const nats = await startNats({ config: natsSharedConfig() });
  onTestFinished(() => nats.stop());
  const central = await Central.connect(nats.url, DEVICE, fixedCredentials({ user: "operator", pass: ACCOUNT_PASSWORDS.operator }));
  onTestFinished(() => central.close());
  const device = await makeFileDevice();
  onTestFinished(() => device[Symbol.asyncDispose]());
  device.start(nats.url, DEVICE, { credential: SHARED, remote: OPEN });
  await central.apply({ hello: fileScore("one") });
  await central.untilStatus("hello is there", ({ deployments }) => deployments["hello"]?.phase === "Running");
  const { asker } = await person(nats.url, "maintainer");
  const fields = { deployment: "hello", command: ["end", "0"] };
  expect(status(await hear(asker, { verb: "exec", fields }))).toMatchObject({ reason: "SharedCredential" });
  for (const _ of [1, 2]) expect(status(await hear(asker, { verb: "logs", fields }))).toMatchObject({ exitCode: 0 });
  expect(device.lines.filter((line) => line.includes("may hear it, too"))).toHaveLength(1);
});

test("on a plain server it answers nobody, says so once, and works", async () => {
  const nats = await startNats();
  onTestFinished(() => nats.stop());
  const central = await Central.connect(nats.url);
  onTestFinished(() => central.close());
  const device = await makeFileDevice();
  onTestFinished(() => device[Symbol.asyncDispose]());
  device.start(nats.url, DEVICE, { remote: OPEN });
  await central.apply({ hello: fileScore("one") });
  await central.untilStatus("hello is there", ({ deployments }) => deployments["hello"]?.phase === "Running");
  const { asker } = await person(nats.url, null);
  for (const verb of ["ping", "logs"] as const)
    expect(status(await hear(asker, { verb, fields: { deployment: "hello" } }))).toMatchObject({ reason: "UnknownCaller" });
  expect(device.lines.filter((line) => line.includes("does not say who asks"))).toHaveLength(1);
});
