// A container has files, secrets and facts of the device, on both versions of Podman: who can read
// them, who cannot, and what happens when they are absent or change.

import type { BoundVariant, WorkloadReport } from "@harmony/core";
import { type Device, eventually, loadImage, makeImage, makeTempFolder, startDevice, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { SECRETS, STATE } from "./host-of-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
const VALUE = "correct-horse-battery";
const ENV_VALUE = "tr0ub4dor";

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let variant: BoundVariant;
  let lastRevision = 0;
  let folder: TempFolder;
  const boundWith = (labels: Record<string, string>) => bindDevice(device, folder.path, { labels });
  beforeAll(async () => {
    device = await startDevice({ name: "pi-03", podman: version });
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
    await device.exec(["install", "-d", "-o", user, "-g", user, "-m", "0750", SECRETS]);
    folder = await makeTempFolder("device-inputs");
    variant = await boundWith({ site: "lab" });
  });
  afterAll(async () => {
    await device?.stop();
    await folder?.remove();
  });

  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const apply = (
    name: string,
    data: unknown,
    on: BoundVariant = variant,
    onReport: (report: WorkloadReport) => unknown = () => undefined,
  ): Promise<WorkloadReport> => {
    lastRevision += 1;
    const string = data === null ? "" : scoreString(data);
    return on.reconcile(
      { name, revision: String(lastRevision), scoreString: string, data, hold: null },
      { signal: AbortSignal.timeout(60_000), onReport },
    );
  };
  const web = (more: object) => ({ services: [{ name: "web", image: "localhost/hello:1", stopTimeoutSeconds: 5, ...more }] });
  const putSecret = async (name: string, value: string): Promise<void> => {
    await device.exec(
      ["sh", "-c", `umask 077; cat > ${SECRETS}/${name}; chown root:${user} ${SECRETS}/${name}; chmod 0640 ${SECRETS}/${name}`],
      {
        stdin: value,
      },
    );
  };
  const left = async (): Promise<string> =>
    `${await podman("secret", "ls", "--quiet")}${(await device.exec(["ls", "-A", `${STATE}/mounts`])).stdout}`;

  const whole = web({
    user: "1234:1234",
    env: { PASSWORD: { secret: "login" }, SITE: { device: "labels.site" }, WHO: { device: "id" } },
    files: [
      { path: "/etc/app/app.toml", content: "colour = 'red'\n" },
      { path: "/opt/run.sh", content: "#!/bin/sh\necho ran\n", mode: "0555" },
    ],
    secrets: [{ name: "db" }, { name: "db", path: "/etc/app/password" }],
  });

  test("what the device has is there for a user that is not root, and nowhere else", async () => {
    await putSecret("db", `${VALUE}\n`);
    await putSecret("login", `${ENV_VALUE}\n`);
    expect(await apply("whole", whole)).toMatchObject({ phase: "Running", settled: true });
    const inside = (...argv: string[]) => podman("exec", "whole_web", ...argv);
    expect(await inside("id", "-u")).toBe("1234");
    expect(await inside("cat", "/etc/app/app.toml", "/run/secrets/db", "/etc/app/password")).toBe(`colour = 'red'\n${VALUE}\n${VALUE}`);
    expect(await inside("/opt/run.sh")).toBe("ran");
    const environment = await inside("env");
    expect(environment).toContain(`PASSWORD=${ENV_VALUE}\n`);
    expect(environment).toMatch(/^SITE=lab$/m);
    expect(environment).toMatch(/^WHO=pi-03$/m);
    // Even root in the container may not change them.
    const write = ["podman", "exec", "--user", "0", "whole_web", "sh", "-c", "echo x >> /etc/app/app.toml"];
    expect((await device.exec(write, { user, allowExitCodes: [0, 1, 2] })).stderr).toContain("Read-only");

    const inspected = await podman("inspect", "whole_web");
    expect(inspected).toContain("IOT_SERVICE=web");
    // 4.9 shows the environment of a running container to anybody who may use this user's Podman;
    // it does not show a file.
    expect(inspected.includes(ENV_VALUE)).toBe(version === "4.9");
    const texts = [
      inspected.replaceAll(`PASSWORD=${ENV_VALUE}`, ""),
      await podman("secret", "inspect", ...(await podman("secret", "ls", "--quiet")).split("\n")),
      (await device.exec(["journalctl", "--no-pager", "--output=verbose"])).stdout,
      (await device.exec(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"], { allowExitCodes: [0, 1] })).stdout,
    ];
    for (const text of texts) for (const value of [VALUE, ENV_VALUE]) expect(text).not.toContain(value);
    const search = ["grep", "-rsl", VALUE, `${STATE}/mounts`, SECRETS, "/home"];
    expect((await device.exec(search, { allowExitCodes: [0, 2] })).stdout).toContain(`${STATE}/mounts/whole_web.`);
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...search];
    expect((await device.exec(nobody, { allowExitCodes: [1, 2] })).stdout).toBe("");
    expect(await apply("whole", whole)).toMatchObject({ phase: "Running", settled: true });
  });

  test("they are there again after a power cut, without the agent", async () => {
    await device.powerOff();
    await device.powerOn();
    variant = await boundWith({ site: "lab" });
    await podman("start", "whole_web");
    expect(await podman("exec", "whole_web", "cat", "/run/secrets/db")).toBe(VALUE);
    expect(await podman("exec", "whole_web", "env")).toContain(`PASSWORD=${ENV_VALUE}\n`);
  });

  test("a changed secret, file or label makes the container anew; what is the same leaves it alone", async () => {
    await apply("whole", whole);
    const id = () => podman("ps", "--quiet", "--filter", "name=whole_web");
    const first = await id();
    await apply("whole", whole);
    expect(await id()).toBe(first);

    await putSecret("db", "another");
    await putSecret("login", "other");
    await apply("whole", whole);
    const second = await id();
    expect(second).not.toBe(first);
    expect(await podman("exec", "whole_web", "sh", "-c", "cat /run/secrets/db; echo $PASSWORD")).toBe("anotherother");
    expect((await podman("secret", "ls", "--quiet")).split("\n")).toHaveLength(1);

    await apply("whole", whole, await boundWith({ site: "plant" }));
    const third = await id();
    expect(third).not.toBe(second);
    expect(await podman("exec", "whole_web", "env")).toMatch(/^SITE=plant$/m);
    await apply("whole", web({ files: [{ path: "/etc/app/app.toml", content: "colour = 'blue'" }] }));
    expect(await podman("exec", "whole_web", "cat", "/etc/app/app.toml")).toBe("colour = 'blue'");
    expect(await apply("whole", null)).toMatchObject({ reason: "Removed", settled: true });
    expect(await left()).toBe("");
  });

  test("a container that cannot write to its own root has them too", async () => {
    await putSecret("db", VALUE);
    const entrypoint = ["/bin/sh", "-c", "cat /run/secrets/db /etc/deep/er/app.toml; trap 'exit 0' TERM; sleep 1000 & wait"];
    const files = [{ path: "/etc/deep/er/app.toml", content: " and a file\n" }];
    const data = web({ readOnly: true, user: "1234", entrypoint, secrets: [{ name: "db" }], files });
    expect(await apply("sealed", data)).toMatchObject({ phase: "Running", settled: true });
    await eventually(async () => (await podman("logs", "sealed_web")) === `${VALUE} and a file`, { what: "it has read them" });
    await apply("sealed", null);
  });

  const store = "/home/iot-agent/.local/share/containers/storage/secrets";
  const list = `${store}/secrets.json`;
  const values = `${store}/filedriver/secretsdata.json`;

  test.each([
    { damage: `: > ${list}`, isCut: false, kept: `${list}.damaged`, isListKept: false },
    { damage: `truncate --size=100 ${list}`, isCut: true, kept: `${list}.damaged`, isListKept: false },
    { damage: `truncate --size=30 ${values}`, isCut: false, kept: `${values}.damaged`, isListKept: true },
    { damage: `: > ${values}`, isCut: true, kept: `${values}.damaged`, isListKept: true },
    { damage: `rm ${values}`, isCut: false, kept: null, isListKept: true },
  ])("a store of secrets that the power has damaged ($damage) is filled again", async ({ damage, isCut, kept, isListKept }) => {
    await putSecret("late", "value");
    const needing = web({ env: { A: { secret: "late" } } });
    await apply("first", needing);
    await device.exec(["sh", "-c", "echo of a person | podman secret create hers -"], { user });
    await device.exec(["sh", "-c", damage]);
    // Podman goes on with what it had read before, or has never been able to read it.
    if (isCut) {
      await device.powerOff();
      await device.powerOn();
      variant = await boundWith({ site: "lab" });
    }
    const reports: string[] = [];
    for (const name of ["first", "second"]) {
      const onReport = ({ reason, message }: WorkloadReport) => reports.push(`${reason}: ${message}`);
      expect(await apply(name, needing, variant, onReport)).toMatchObject({ phase: "Running", settled: true });
      await podman("restart", "--time", "0", `${name}_web`);
      expect(await podman("exec", `${name}_web`, "sh", "-c", "echo $A")).toBe("value");
    }
    expect(reports.filter((text) => text.startsWith("SecretStoreDamaged: repairing Podman's store of secrets"))).toHaveLength(1);
    if (kept !== null) expect((await device.exec(["ls", kept])).stdout.trim()).toBe(kept);
    const names = (await podman("secret", "ls", "--format", "{{.Name}}")).split("\n").map((name) => name.replace(/\..*/, ""));
    expect(names.toSorted()).toEqual(["first_late", ...(isListKept ? ["hers"] : []), "second_late"]);
    for (const name of ["first", "second"]) expect(await apply(name, null)).toMatchObject({ reason: "Removed", settled: true });
    // The value of this secret is lost, and Podman itself cannot remove the secret.
    await device.exec(["rm", "-rf", store]);
    await device.exec(["systemctl", "--user", "stop", "podman.service"], { user });
    await device.exec(["rm", `${SECRETS}/late`]);
  });

  test("a store of secrets that the agent may not repair holds up nobody else, and the sentence says what repairs it", async () => {
    await putSecret("late", "value");
    const needing = web({ env: { A: { secret: "late" } } });
    await apply("first", needing);
    const readOnly = await bindDevice(device, folder.path, { labels: {}, isSecretStoreReadOnly: true });
    await device.exec(["sh", "-c", `: > ${list}`]);
    expect(await apply("plain", web({}), readOnly)).toMatchObject({ phase: "Running", settled: true });
    const report = await apply("second", needing, readOnly);
    expect(report).toMatchObject({ phase: "Blocked", reason: "SecretStoreDamaged" });
    expect(report.message).toContain("`sudo mv ~iot-agent/.local/share/containers/storage/secrets ~iot-agent/secrets.damaged`");
    expect(await apply("first", needing, readOnly)).toMatchObject({ phase: "Running", settled: true });
    await device.exec(["mv", store, "/home/iot-agent/secrets.damaged"]);
    // Podman keeps what it has read for as long as it runs.
    await device.exec(["systemctl", "--user", "stop", "podman.service"], { user });
    for (const name of ["first", "second"]) {
      expect(await apply(name, needing, readOnly)).toMatchObject({ phase: "Running", settled: true });
      expect(await podman("exec", `${name}_web`, "sh", "-c", "echo $A")).toBe("value");
      await apply(name, null);
    }
    await apply("plain", null);
    await device.exec(["rm", `${SECRETS}/late`]);
  });

  test("an absent secret or label blocks with what to do, leaves what runs alone, and heals", async () => {
    const plain = web({});
    const needing = web({ env: { A: { secret: "late" }, B: { device: "labels.line" } } });
    await apply("needy", plain);
    const report = await apply("needy", needing);
    expect(report).toMatchObject({ phase: "Blocked", reason: "LabelMissing", settled: false });
    expect(report.message).toContain('add `line = "…"` under [agent.labels] in /etc/iot-agent/config.toml');
    const labelled = await boundWith({ line: "4" });
    const next = await apply("needy", needing, labelled);
    expect(next).toMatchObject({ phase: "Blocked", reason: "SecretMissing", recheckAfterMs: 10_000 });
    expect(next.message).toContain(
      `put it into the file ${SECRETS}/late (\`sudo install -o root -g iot-agent -m 0640 FILE ${SECRETS}/late\`)`,
    );
    expect(await podman("ps", "--format", "{{.Names}}")).toBe("needy_web");
    await putSecret("late", "here\n");
    expect((await apply("needy", needing, labelled)).message).toContain("runs and is on trial");
    expect(await podman("exec", "needy_web", "sh", "-c", "echo $A $B")).toBe("here 4");
    // A secret that is gone again is missed when the next container is made, and not before.
    await device.exec(["rm", `${SECRETS}/late`]);
    expect((await apply("needy", needing, labelled)).phase).not.toBe("Blocked");
    await apply("needy", null);
    expect(await left()).toBe("");
  });
});
