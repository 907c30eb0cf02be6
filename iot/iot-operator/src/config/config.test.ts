// The environment: what is assumed, and the one line that a wrong value gets.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EX_CONFIG, UserError } from "@harmony/runtime";
import { makeTempFolder } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "./config.ts";

test("with nothing set: NATS on this machine, and Kubernetes", () => {
  expect(readConfig({})).toMatchObject({ nats: { servers: ["nats://127.0.0.1:4222"], replicas: 1 }, git: null, httpPort: 8080 });
});

test("a git source with its defaults", () => {
  const { git } = readConfig({ IOT_GIT_URL: "https://github.com/acme/workloads.git" });
  expect(git).toMatchObject({ branch: "main", path: "", pollMs: 15_000, namespace: "default" });
  expect(readConfig({ IOT_GIT_URL: "/srv/work.git", IOT_GIT_PATH: "./deploy/a/" }).git).toMatchObject({
    url: "file:///srv/work.git",
    path: "deploy/a",
  });
  expect(readConfig({ IOT_GIT_URL: "git@host:acme/work.git" }).git?.url).toBe("git@host:acme/work.git");
});

test("the file with who signs NATS' certificate; none where it is empty", () => {
  expect(readConfig({ NATS_CA: "/etc/ca.pem" }).nats.caFile).toBe("/etc/ca.pem");
  expect(readConfig({ NATS_CA: "" }).nats.caFile).toBeUndefined();
});

test("a password from a file, without its last line break", async () => {
  const folder = await makeTempFolder("config");
  onTestFinished(() => folder.remove());
  const file = join(folder.path, "password");
  await writeFile(file, "geheim\n");
  expect(readConfig({ NATS_PASSWORD_FILE: file }).nats.pass).toBe("geheim");
});

test.each([
  [{ IOT_HTTP_PORT: "80a" }, 'IOT_HTTP_PORT: expected a whole number from 0 to 65535, found "80a"'],
  [{ NATS_URL: "nats://u:geheim@host" }, "NATS_URL holds a user name or password: take it out, and set NATS_USER and NATS_PASSWORD_FILE"],
  [
    { IOT_GIT_URL: "ext::sh -c reboot" },
    'IOT_GIT_URL: expected a repository\'s URL: file://, http://, https:// or ssh://, found "ext::sh -c reboot"',
  ],
  [
    { IOT_GIT_URL: "--upload-pack=reboot" },
    'IOT_GIT_URL: expected a repository\'s URL: file://, http://, https:// or ssh://, found "--upload-pack=reboot"',
  ],
  [{ IOT_GIT_URL: "/w.git", IOT_GIT_BRANCH: "-x" }, 'IOT_GIT_BRANCH: expected the name of a branch, e.g. main, found "-x"'],
  [{ IOT_GIT_URL: "/w.git", IOT_GIT_BRANCH: "a..b" }, 'IOT_GIT_BRANCH: expected the name of a branch, e.g. main, found "a..b"'],
  [
    { IOT_GIT_URL: "/w.git", IOT_GIT_PATH: "a/../../b" },
    'IOT_GIT_PATH: expected a folder inside the repository, e.g. deploy/site-a, found "a/../../b"',
  ],
  [{ NATS_PASSWORD: "a", NATS_PASSWORD_FILE: "/x" }, "NATS_PASSWORD and NATS_PASSWORD_FILE are both set: set one"],
])("refuses %o", (env, message) => {
  expect(() => readConfig(env)).toThrow(new UserError(message, EX_CONFIG));
});

test.each([
  [{ IOT_GIT_URL: "https://me:geheim@host/w.git" }, "IOT_GIT_PASSWORD_FILE"],
  [{ IOT_GIT_URL: "https://geheim@host/w.git" }, "IOT_GIT_PASSWORD_FILE"],
  [{ IOT_GIT_URL: "https//me:geheim@host/w.git" }, "IOT_GIT_URL"],
  [{ IOT_GIT_URL: "https://me:ge@heim:geheim@host:x/w.git" }, "IOT_GIT_URL"],
  [{ IOT_GIT_URL: "ftp://host/w.git?token=geheim" }, "IOT_GIT_URL"],
  [{ IOT_GIT_URL: "https://host/w.git?private_token=geheim" }, "IOT_GIT_URL"],
  [{ IOT_GIT_URL: "https://host/w.git#geheim" }, "IOT_GIT_URL"],
  [{ NATS_URL: "nats://me:geheim@host" }, "NATS_PASSWORD_FILE"],
  [{ NATS_URL: "nats://me:geheim@host:port" }, "NATS_URL"],
  [{ NATS_URL: "nats://a,me:geheim@" }, "NATS_URL"],
])("never repeats a password that stands in a URL: %o", (env, names) => {
  const refusal = (): unknown => readConfig(env);
  expect(refusal).toThrow(names);
  expect(refusal).not.toThrow("geheim");
});
