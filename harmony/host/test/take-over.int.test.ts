// take-over.sh on a device: a folder of configuration that was the agent's user's, with what that
// user can plant in it, becomes root's. It runs as root, on a file system with real owners: nothing
// less shows whether a link was followed.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Device, type RunResult, startDevice } from "@iot/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

const FOLDER = "/etc/iot-agent";
const script = await readFile(join(import.meta.dirname, "../take-over.sh"), "utf8");
let device: Device;

beforeAll(async () => {
  device = await startDevice();
});
afterAll(() => device.stop());

/**
 * The folder is as an older agent's installation left it, beside a name that only root may change.
 */
beforeEach(async () => {
  await root(`rm -rf ${FOLDER} ${FOLDER}.refused.* /srv/victims && install -d -m 0750 -o iot-agent -g iot-agent ${FOLDER} ${FOLDER}/secrets
    install -d -m 0755 /srv/victims && echo "root's alone" >/srv/victims/shadow && chmod 0600 /srv/victims/shadow
    echo 'device_id = "pi"' >${FOLDER}/config.toml && chown root:iot-agent ${FOLDER}/config.toml && chmod 0640 ${FOLDER}/config.toml`);
});

const root = async (text: string): Promise<string> => (await device.exec(["sh", "-euc", text])).stdout.trim();
const asAgent = async (text: string): Promise<string> => (await device.exec(["sh", "-euc", text], { user: "iot-agent" })).stdout.trim();
const takeOver = (folder = FOLDER, user = "iot-agent"): Promise<RunResult> =>
  device.exec(["sh", "-s", folder, user], { stdin: script, allowExitCodes: [0, 1] });
const there = (...paths: readonly string[]): Promise<string> => root(`stat --format='%n %U:%G %a %F' ${paths.join(" ")}`);
const victim = (): Promise<string> => root("stat --format='%U:%G %a' /srv/victims/shadow; cat /srv/victims/shadow");
const UNTOUCHED = "root:root 600\nroot's alone";

test("what is plain becomes root's, for the group to read, with its text and its time; again it changes nothing", async () => {
  await asAgent(`cd ${FOLDER} && echo PEM >ca.pem && umask 077 && echo word >secrets/login && touch -d 2024-01-01 secrets/login .hidden`);
  expect(await takeOver()).toMatchObject({ exitCode: 0, stderr: "" });
  const all = (): Promise<string> => root(`find ${FOLDER} -printf '%P %u:%g %m %i\n' | sort`);
  const taken = await all();
  expect(taken.replaceAll(/ \d+$/gm, "")).toBe(
    [
      "root:iot-agent 750",
      ".hidden root:iot-agent 640",
      "ca.pem root:iot-agent 640",
      "config.toml root:iot-agent 640",
      "secrets root:iot-agent 750",
      "secrets/login root:iot-agent 640",
    ].join("\n"),
  );
  expect(await asAgent(`cat ${FOLDER}/ca.pem ${FOLDER}/secrets/login`)).toBe("PEM\nword");
  expect(await root(`stat --format=%y ${FOLDER}/secrets/login`)).toContain("2024-01-01");
  expect(await takeOver()).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await all()).toBe(taken);
});

test.each([
  ["a link to a folder of root's", "ln -s /srv/victims $name", "symbolic link"],
  ["a link to a file of root's", "ln -s /srv/victims/shadow $name", "symbolic link"],
  ["a link to nothing", "ln -s /srv/victims/new $name", "symbolic link"],
  ["a second name of a file", "echo mine >/var/tmp/mine && ln -f /var/tmp/mine $name", "regular file"],
  ["a pipe", "mkfifo $name", "fifo"],
  ["what is much too large", "truncate -s 1G $name", "regular file"],
])("%s is not used and is kept aside, wherever it is", async (_, plant, kind) => {
  const names = ["config.toml.new", "secrets/login", ".x"];
  for (const name of names) await asAgent(`name=${FOLDER}/${name}; ${plant}`);
  const { exitCode, stderr } = await takeOver();
  expect(exitCode).toBe(0);
  for (const name of names) {
    expect(stderr).toContain(`${FOLDER}/${name} is `);
    expect(await root(`ls -d ${FOLDER}/${name} || true`)).toBe("");
  }
  expect(await there(`${FOLDER}.refused.*`)).toMatch(/^\S+ root:root 700 directory$/);
  expect((await there(`${FOLDER}.refused.*/*`)).split("\n").map((line) => line.replace(/^.* \d+ /, ""))).toEqual(names.map(() => kind));
  expect(await victim()).toBe(UNTOUCHED);
  expect(await root("ls /srv/victims")).toBe("shadow");
  expect(await root(`cat ${FOLDER}/config.toml`)).toBe('device_id = "pi"');
});

test("where the kernel lets anybody give a second name to a file of root's, that file is neither read nor given away", async () => {
  // Root makes it here, as anybody could with fs.protected_hardlinks=0.
  await root(`ln /srv/victims/shadow ${FOLDER}/login`);
  expect((await takeOver()).stderr).toContain(`${FOLDER}/login is a file with another name elsewhere (hard link)`);
  expect(await victim()).toBe(UNTOUCHED);
});

test("a link in the place of the secrets' folder, or a folder of links in the folder", async () => {
  await asAgent(`cd ${FOLDER} && rmdir secrets && ln -s /srv/victims secrets && mkdir -p a/b && ln -s /srv/victims/shadow a/b/c`);
  expect((await takeOver()).exitCode).toBe(0);
  expect(await there(FOLDER, `${FOLDER}/a`, `${FOLDER}/a/b`)).not.toContain("iot-agent:");
  expect(await root(`find ${FOLDER} -type l`)).toBe("");
  expect(await there("/srv/victims")).toBe("/srv/victims root:root 755 directory");
});

test("who had the configuration open for writing writes it no more", async () => {
  await asAgent(`cp ${FOLDER}/config.toml ${FOLDER}/mine.toml`);
  const unit = ["systemd-run", "--quiet", "--uid=iot-agent", "--unit=writer", "sh", "-c"];
  await device.exec([
    ...unit,
    `exec 3>>${FOLDER}/mine.toml; until [ ! -O ${FOLDER}/mine.toml ]; do :; done; echo '[policy]' >&3; echo late >/tmp/written; exec sleep 60`,
  ]);
  await root(`until ls -l /proc/$(systemctl show --property=MainPID --value writer)/fd | grep -q mine; do :; done`);
  await takeOver();
  await root("until [ -s /tmp/written ]; do :; done; systemctl stop writer");
  expect(await root(`cat ${FOLDER}/mine.toml`)).toBe('device_id = "pi"');
});

test("before there is such a user it is root's alone; below a folder that others may write in it is refused", async () => {
  expect((await takeOver("/etc/other", "nobody-yet")).exitCode).toBe(0);
  expect(await there("/etc/other")).toBe("/etc/other root:root 750 directory");
  for (const folder of ["/tmp/conf", "/home/iot-agent/conf"]) {
    const { exitCode, stderr } = await takeOver(folder);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("others than root may write in") as unknown });
  }
});
