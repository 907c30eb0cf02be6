// What a person at the device sees and does: systemd's own words for the agent, and each command as
// root, as a member of the group and as neither, with the agent running, stopped, wrongly
// configured and without a network. One device, one story: each test goes on from the one before.

import { type Device, eventually, loadImage, makeImage, makeTempFolder, type NatsServer, run, startNats } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { type AgentDevice, startAgentDevice } from "./agent-device.ts";
import { Central, DEVICE } from "./central.ts";

let nats: NatsServer;
let central: Central;
let agent: AgentDevice;
let device: Device;

const PASSWORD = "never-shown-1";
const SECRET_ENV = "never-shown-2";
const config = (id: string, password = PASSWORD): string => `[agent]
device_id = "${id}"
status_interval_seconds = 2
relist_interval_seconds = 2
[credentials]
type = "nats-user"
nats_user = "iot-agent"
nats_pass = "${password}"
[nats]
urls = ["${nats.url}"]
`;

beforeAll(async () => {
  agent = await startAgentDevice({ name: DEVICE, config: () => "[agent]\n" });
  device = agent.device;
  const users = `users = [{ user: iot-agent, password: ${PASSWORD} }, { user: central, password: central }]`;
  nats = await startNats({ host: device.hostAddress, config: `authorization { ${users} }\nno_auth_user: central` });
  central = await Central.connect(nats.url);
  await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
});
afterAll(async () => {
  await central?.close();
  await Promise.all([device?.stop(), nats?.stop()]);
});

const sentence = (): Promise<string> => agent.systemctl("show", "--property=StatusText", "--value", "iot-agent");
const untilSentence = (part: string, timeoutMs = 30_000): Promise<string> =>
  eventually(
    async () => {
      const text = await sentence();
      return text.includes(part) ? text : Promise.reject(new Error(`it says: ${text}`));
    },
    { what: `systemctl status says "${part}"`, timeoutMs },
  );
const score = (image: string, port: number, env: Record<string, string> = {}): string =>
  JSON.stringify({ type: "PodmanV0", data: { services: [{ name: "hello", image, ports: [`${port}:8080`], env }] } });
const phaseOf = async (name: string): Promise<string | undefined> => (await central.status())?.deployments[name]?.phase;
const untilPhase = (name: string, phase: string): Promise<unknown> =>
  central.untilStatus(`${name} is ${phase} in the fleet`, ({ deployments }) => deployments[name]?.phase === phase);

describe("a wrong configuration", () => {
  test("names its line in systemctl status, and whoever asks gets the same answer", async () => {
    await agent.systemctl("start", "--no-block", "iot-agent");
    expect(await untilSentence("config.toml: agent.device_id: is missing")).toContain("credentials");
    expect(await agent.systemctl("show", "--property=StatusErrno,ExecMainStatus", "iot-agent")).toBe("StatusErrno=22\nExecMainStatus=78");
    const { exitCode, text } = await eventually(
      async () => {
        const answer = await agent.command("engineer", "status");
        // systemd may just be trying again: "look again in a moment", it says.
        return answer.text.includes("is being started") ? undefined : answer;
      },
      { what: "status says why the agent does not run", timeoutMs: 30_000 },
    );
    expect(text).toContain("its configuration is wrong: /etc/iot-agent/config.toml: agent.device_id: is missing");
    expect(exitCode).toBe(3);
    expect((await agent.command("root", "doctor")).text).toMatch(/BAD +configuration +\/etc\/iot-agent\/config.toml: agent.device_id/);
  });

  test("heals when it is corrected, without waiting for the end of the back-off", async () => {
    // The next try is an hour away, so that only the correction can have started it.
    await device.writeFile("/run/systemd/system/iot-agent.service.d/slow.conf", "[Service]\nRestartSec=1h\n");
    await agent.systemctl("daemon-reload");
    await agent.systemctl("restart", "iot-agent");
    await agent.writeConfig(config(DEVICE));
    await untilSentence("connected to NATS");
    await device.exec(["rm", "/run/systemd/system/iot-agent.service.d/slow.conf"]);
    await agent.systemctl("daemon-reload");
    expect(await agent.systemctl("is-active", "iot-agent")).toBe("active");
  });
});

describe("what runs", () => {
  test("one sentence in systemctl status, with what is wrong", async () => {
    await central.apply({ hello: score("localhost/hello:1", 8081, { DB_PASSWORD: SECRET_ENV }), broken: score("localhost/hello:2", 8082) });
    expect(await untilSentence("1 of 2 deployments running; broken: image")).toMatch(/^connected to NATS [\d.]+:\d+, /);
  });

  test("status, for a member of the group", async () => {
    const { text, exitCode } = await agent.command("engineer", "status");
    expect(text).toMatch(new RegExp(`^${DEVICE}: connected to NATS .* \\(for \\d+ s\\)`));
    expect(text).toMatch(/^hello +Running +\d+ s$/m);
    expect(text).toMatch(/^ {2}hello +Running +\d+ s +0 +localhost\/hello:1 sha256:[0-9a-f]+$/m);
    expect(exitCode).toBe(0);
    const json: unknown = JSON.parse((await agent.command("engineer", "status", "--json")).stdout);
    expect(json).toMatchObject({ device: DEVICE, connection: { state: "connected" }, deployments: { hello: { phase: "Running" } } });
  });

  test("who is not in the group reads how to get there", async () => {
    const { text, exitCode } = await agent.command("visitor", "status");
    expect(text).toBe("iot-agent: you are not in the group iot-agent: sudo usermod -aG iot-agent visitor, then log in again\n");
    expect(exitCode).toBe(4);
  });

  test("explain says why, what was seen and what is planned; another name is refused with those there are", async () => {
    const broken = (await agent.command("engineer", "explain", "broken")).text;
    expect(broken).toMatch(/^broken on pi-1 is Blocked since .* UTC\S* \(\d+ s\): image "localhost\/hello:2" is not on the device/);
    expect(broken).toContain('Seen just now:\n  no container of "broken" is on the device');
    expect((await agent.command("root", "explain", "hello")).text).toContain("nothing: all is as it should be");
    expect((await agent.command("root", "explain", "hello", "--stages")).text).toMatch(
      /\n {2}change-version +stood back: every container is as/,
    );
    const { text, exitCode } = await agent.command("engineer", "explain", "helo");
    expect(text).toBe('iot-agent: this device has no deployment "helo": its deployments are broken, hello\n');
    expect(exitCode).toBe(1);
  });

  test("an image from a USB stick is loaded, and what waited for it starts", async () => {
    const file = await makeTempFolder("stick");
    await writeFile(join(file.path, "image.tar"), await (await makeImage({ reference: "localhost/hello:2" })).archive());
    await device.copyIn(join(file.path, "image.tar"), "/home/engineer/image.tar");
    await file.remove();
    expect((await agent.command("engineer", "load", "image.tar")).text).toBe("loaded localhost/hello:2\n");
    await untilPhase("broken", "Running");
    expect((await agent.command("engineer", "load", "nowhere.tar")).exitCode).toBe(1);
  });

  test("what a deployment that is gone has left is listed, and counted by doctor", async () => {
    await device.exec(["podman", "volume", "create", "--label=io.nationtech.iot.deployment=gone", "gone_data"], { user: "iot-agent" });
    const { text, exitCode } = await agent.command("engineer", "volumes");
    expect(text).toMatch(/^gone_data +gone +\d+ kB +\d+ s$/m);
    expect(exitCode).toBe(0);
    expect((await agent.command("engineer", "doctor")).text).toMatch(/warning +volumes +1 volume is of deployments that are gone/);
    expect((await agent.command("engineer", "podman", "volume", "rm", "gone_data")).exitCode).toBe(0);
    expect((await agent.command("engineer", "volumes")).text).toBe("No deployment that is gone has left a volume.\n");
  });

  test("podman, with its exit code, for a member of the group", async () => {
    expect((await agent.command("engineer", "podman", "ps", "--format={{.Names}}")).stdout.split("\n")).toContain("hello_hello");
    expect((await agent.command("engineer", "podman", "exec", "hello_hello", "sh", "-c", "exit 7")).exitCode).toBe(7);
    expect((await agent.command("visitor", "podman", "ps")).exitCode).toBe(4);
  });
});

describe("hold", () => {
  const running = async (): Promise<string[]> =>
    (await agent.command("root", "podman", "ps", "--format={{.Names}}")).stdout.split("\n").filter(Boolean);

  test("stops it, the fleet sees it, and it outlives the agent", async () => {
    const { text } = await agent.command("engineer", "hold", "hello", "--for", "2h", "--reason", "serial port for Ana");
    expect(text).toMatch(/^hello is held until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\S*, at the latest/);
    await untilPhase("hello", "Held");
    expect((await central.status())?.deployments["hello"]?.message).toContain("serial port for Ana");
    expect(await running()).not.toContain("hello_hello");
    await agent.systemctl("restart", "iot-agent");
    await untilSentence("hello: held until");
    expect(await running()).not.toContain("hello_hello");
  });

  test("ends with release, or by itself", async () => {
    expect((await agent.command("engineer", "release", "hello")).text).toBe("hello is released and is started again\n");
    await untilPhase("hello", "Running");
    expect((await agent.command("engineer", "release", "hello")).text).toBe("hello was not held\n");
    await agent.command("root", "hold", "hello", "--for", "3s", "--reason", "a moment");
    await untilPhase("hello", "Held");
    await untilPhase("hello", "Running");
    expect(await agent.journal()).toContain("the time of a hold is over deployment=hello");
  });

  test.each([
    [["hold", "hello", "--for", "soon", "--reason", "x"], 2, '"soon" is no time to hold something for'],
    [["hold", "hello", "--for", "8d", "--reason", "x"], 2, "longer than a hold may last (7d)"],
    [["hold", "hello", "--for", "2h"], 2, "say for how long and why"],
    [["hold", "helo", "--for", "2h", "--reason", "x"], 1, "its deployments are broken, hello"],
    [["hold"], 2, "something is missing; usage: iot-agent hold <deployment>"],
    [["stauts"], 2, 'there is no command "stauts": status, explain'],
  ])("%j is refused", async (args, code, says) => {
    const { text, exitCode } = await agent.command("engineer", ...args);
    expect(text).toContain(says);
    expect(exitCode).toBe(code);
  });

  test("retry looks again at once", async () => {
    expect((await agent.command("engineer", "retry", "hello")).text).toContain("hello is tried again");
    await untilPhase("hello", "Running");
  });
});

describe("a configuration that is written while the agent runs", () => {
  const container = async (): Promise<string> =>
    (await agent.command("root", "podman", "inspect", "--format={{.Id}}{{.State.StartedAt}}", "hello_hello")).stdout;
  const pid = (): Promise<string> => agent.systemctl("show", "--property=MainPID", "--value", "iot-agent");

  test("counts at once: a wrong password, a wrong line, and what is right; no container notices", async () => {
    const before = await container();
    await agent.writeConfig(config(DEVICE, "not-the-one"));
    await untilSentence("refuses the user");
    await agent.writeConfig("[agent]\n");
    await untilSentence("config.toml: agent.device_id: is missing");
    await agent.writeConfig(config(DEVICE, "not-the-one"));
    await untilSentence("refuses the user");
    await agent.writeConfig(config(DEVICE));
    await untilSentence("2 of 2 deployments running");
    expect(await container()).toBe(before);
  });

  test("and is the same as before: another agent, the same containers", async () => {
    const [before, former] = await Promise.all([container(), pid()]);
    await agent.writeConfig(config(DEVICE));
    await eventually(async () => !["0", former].includes(await pid()) && (await sentence()).includes("2 of 2"), {
      what: "another process is connected",
      timeoutMs: 30_000,
    });
    expect(await container()).toBe(before);
  });

  test("leaves one alone that a person has stopped", async () => {
    await agent.systemctl("stop", "iot-agent");
    const configService = (): Promise<string> => agent.systemctl("show", "--property=InvocationID", "--value", "iot-agent-config");
    const former = await configService();
    await agent.writeConfig(config(DEVICE));
    await eventually(
      async () => (await configService()) !== former && (await agent.systemctl("is-active", "iot-agent-config")) === "inactive",
      {
        what: "the file was seen",
        timeoutMs: 30_000,
      },
    );
    expect(await agent.systemctl("is-active", "iot-agent")).toBe("inactive");
    await agent.systemctl("start", "iot-agent");
    await untilSentence("2 of 2 deployments running");
  });
});

test("history shows what happened, oldest first, also while the agent is stopped; and since when goes on counting", async () => {
  const since = (await central.status())?.deployments["hello"]?.since;
  await agent.systemctl("restart", "iot-agent");
  await untilSentence("2 of 2 deployments running");
  expect((await central.status())?.deployments["hello"]?.since).toBe(since);
  const shown = (await agent.command("engineer", "history", "hello")).text;
  expect(shown).toMatch(/hello Running: running localhost\/hello:1[^]*hello Held: held until[^]*hello Running: running/);
  expect(shown).not.toContain("broken");
  const unknown = await agent.command("engineer", "history", "helo");
  expect(unknown.text).toBe('iot-agent: the history tells nothing of "helo", but of broken, hello\n');
  expect(unknown.exitCode).toBe(1);
  await agent.systemctl("stop", "iot-agent");
  expect((await agent.command("root", "history", "hello")).text).toBe(shown);
  const { text, exitCode } = await agent.command("engineer", "history");
  expect(text).toContain("sudo systemctl start iot-agent");
  expect(exitCode).toBe(3);
  const status = (await agent.command("root", "status")).text;
  expect(status).toContain("the agent is not running (inactive): sudo systemctl start iot-agent");
  expect(status).toMatch(/hello \(revision \d+\): Running since/);
  await agent.systemctl("start", "iot-agent");
  await untilSentence("2 of 2 deployments running");
});

test("without a network status and doctor say what is wrong, and what runs is reported all the same", async () => {
  await device.cutNetwork();
  const text = await untilSentence("; 2 of 2 deployments running", 60_000);
  expect(text).toContain("NATS");
  const { stdout } = await agent.command("engineer", "status");
  expect(stdout).toMatch(/^hello +Running/m);
  const doctor = await agent.command("root", "doctor");
  expect(doctor.text).toMatch(/BAD +route to NATS/);
  expect(doctor.exitCode).toBe(1);
  await device.restoreNetwork();
  await untilSentence("connected to NATS", 60_000);
});

test("without Podman explain and doctor say so, and with what to start it", async () => {
  const units = ["podman.socket", "podman.service"];
  await agent.systemctl("--user", "--machine=iot-agent@", "stop", ...units);
  await untilSentence("cannot see what runs on this device");
  const { text, exitCode } = await agent.command("engineer", "explain", "hello");
  expect(text).toMatch(/Blocked:\s+hello: failed to [^]*Podman\s+does not answer at/);
  expect(exitCode).toBe(0);
  // A user who is not root cannot ask that socket, and has the answer from the agent.
  const findings = (await agent.command("engineer", "doctor")).text;
  expect(findings).toMatch(/^BAD +what runs +cannot see what runs on this device/m);
  expect((await agent.command("root", "doctor")).text).toMatch(/^BAD +Podman +does not answer at \/run\/user\/1000\/podman\/podman.sock/m);
  const mend = /→ (sudo systemctl --user --machine=.*)/.exec(findings)?.[1] ?? "";
  await device.exec(["sh", "-c", mend]);
  await untilSentence("2 of 2 deployments running");
  expect((await agent.command("engineer", "doctor")).text).not.toContain("what runs");
});

test("a second agent, or one of root's, is refused, and the first notices nothing", async () => {
  const pid = await agent.systemctl("show", "--property=MainPID", "--value", "iot-agent");
  const second = await agent.command("root");
  expect(second.text).toContain("another agent runs on this device and answers at /run/iot-agent/agent.sock");
  expect(second.exitCode).toBe(1);
  expect((await agent.command("engineer", "status")).exitCode).toBe(0);
  await agent.systemctl("stop", "iot-agent");
  const ofRoot = await agent.command("root");
  expect(ofRoot.text).toContain("/var/lib/iot-agent belongs to the user with the id 1000");
  expect(ofRoot.exitCode).toBe(1);
  await agent.systemctl("start", "iot-agent");
  await untilSentence("2 of 2 deployments running");
  expect(await agent.systemctl("show", "--property=MainPID", "--value", "iot-agent")).not.toBe(pid);
});

test("doctor finds all in order but what a simulated device lacks", async () => {
  const { text, exitCode } = await agent.command("engineer", "doctor");
  for (const check of ["configuration", "service", "user", "lingering", "Podman", "journal", "route to NATS", "NATS credentials"])
    expect(text).toMatch(new RegExp(`^good +${check} `, "m"));
  expect(text).toMatch(/^warning +controllers/m);
  expect(exitCode).toBe(0);
  expect((await agent.command("visitor", "doctor")).text).toContain("sudo usermod -aG iot-agent visitor");
});

test("support-bundle holds what is needed and no secret", async () => {
  const { text, exitCode } = await agent.command("root", "support-bundle", "/tmp/bundle.tar.gz");
  expect(text).toContain("/tmp/bundle.tar.gz: ");
  expect(exitCode).toBe(0);
  const { stdout: names } = await run(["tar", "--list", "--gzip", "--file", device.pathOnHost("/tmp/bundle.tar.gz")]);
  for (const file of [
    "doctor.txt",
    "status.json",
    "history.txt",
    "journal.txt",
    "config.toml",
    "containers/hello_hello.log",
    "podman/info.json",
  ])
    expect(names.split("\n")).toContain(`iot-agent-${DEVICE}/${file}`);
  const { stdout: all } = await run(["tar", "--extract", "--to-stdout", "--gzip", "--file", device.pathOnHost("/tmp/bundle.tar.gz")]);
  expect(all).toContain("DB_PASSWORD=[redacted]");
  expect(all).not.toContain(PASSWORD);
  expect(all).not.toContain(SECRET_ENV);
});

test("support-bundle warns whoever may not read the journal, and shows of a stopped agent what its files say", async () => {
  expect((await agent.command("engineer", "support-bundle")).text).toContain("without the journal, which you may not read");
  await agent.systemctl("stop", "iot-agent");
  await agent.command("root", "support-bundle", "/tmp/stopped.tar.gz");
  const { stdout } = await run(["tar", "--extract", "--to-stdout", "--gzip", "--file", device.pathOnHost("/tmp/stopped.tar.gz")]);
  expect(stdout).toContain("the agent is not running (inactive): sudo systemctl start iot-agent\nWhen the agent ran last");
  expect(stdout).toMatch(/^\S+ \S+ \S+ {2}hello Held: held until/m);
  expect(stdout).toMatch(/ iot-agent-podman\.service|Podman of the IoT agent/);
  await agent.systemctl("start", "iot-agent");
  await untilSentence("2 of 2 deployments running");
});

test("a process that does not advance any more is started anew by systemd, and containers do not notice", async () => {
  const id = async (): Promise<string> =>
    (await agent.command("root", "podman", "inspect", "--format={{.Id}}{{.State.StartedAt}}", "hello_hello")).stdout;
  const before = await id();
  await device.writeFile("/run/systemd/system/iot-agent.service.d/watchdog.conf", "[Service]\nWatchdogSec=3\n");
  await agent.systemctl("daemon-reload");
  await agent.systemctl("restart", "iot-agent");
  const pid = await agent.systemctl("show", "--property=MainPID", "--value", "iot-agent");
  await device.exec(["kill", "-STOP", pid]);
  await eventually(
    async () =>
      (await agent.systemctl("show", "--property=MainPID", "--value", "iot-agent")) !== pid && (await sentence()).includes("2 of 2"),
    { what: "another process runs", timeoutMs: 60_000 },
  );
  expect(await id()).toBe(before);
  expect(await phaseOf("hello")).toBe("Running");
});

test("what no manifest names any more is shown and stays until a person cleans it; what is named he cannot clean", async () => {
  await central.apply({ hello: score("localhost/hello:1", 8081, { DB_PASSWORD: SECRET_ENV }) }, ["test"], {});
  await central.untilStatus("broken is not named", ({ deployments }) => deployments["broken"]?.reason === "NotNamed");
  const shown = (await agent.command("engineer", "status")).stdout;
  expect(shown).toMatch(/^broken +Running .*\n +running localhost\/hello:2; no manifest names it any more/m);
  expect((await agent.command("engineer", "explain", "broken")).text).toMatch(/^ {2}desired +no longer$/m);
  const [named, unasked] = [await agent.command("engineer", "clean", "hello"), await agent.command("engineer", "clean", "broken")];
  expect(named.text).toContain('iot-agent: the manifest of this device names "hello" and would bring it back');
  expect(named.exitCode).toBe(1);
  expect(unasked.text).toContain("say --yes");
  expect(unasked.exitCode).toBe(2);
  expect((await agent.command("engineer", "clean", "broken", "--yes")).text).toContain("broken is being removed, and its volumes stay");
  await central.untilStatus("it is gone", ({ deployments }) => Object.keys(deployments).join() === "hello");
  expect((await agent.command("root", "podman", "ps", "--all", "--format={{.Names}}")).stdout.trim()).toBe("hello_hello");
});

test("the journal has one line for a transition and none for a pass that changed nothing", async () => {
  const { stdout } = await device.exec(["journalctl", "--unit=iot-agent", "--output=cat", "--no-pager"]);
  const held = stdout.split("\n").filter((line) => line.startsWith("held until") && line.includes("serial port for Ana"));
  // One entry is from its beginning, and one from the agent that found it held.
  expect(held).toHaveLength(2);
  expect(stdout).not.toContain(PASSWORD);
});
