import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import type { CredentialSource } from "@iot/messaging/device";
import { makeTempFolder, type TempFolder } from "@iot/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tomlCredentials } from "./credentials.ts";

let temporary: TempFolder;
let file: string;
let lines: string[];
let source: CredentialSource;
beforeEach(async () => {
  temporary = await makeTempFolder("credentials");
  file = join(temporary.path, "config.toml");
  lines = [];
  const log = createLog({ name: "test", format: "text", write: (line) => void lines.push(line) });
  source = tomlCredentials({ file, device: asDeviceId("pi-1"), log });
});
afterEach(() => temporary.remove());

const written = (user: string, pass: string): Promise<void> =>
  writeFile(file, `[credentials]\ntype = "toml-shared"\nnats_user = "${user}"\nnats_pass = "${pass}"\n`);
const shown = async (): Promise<unknown> => (await source.current(AbortSignal.timeout(5_000))).authenticator();

test("the file is read at each dial", async () => {
  await written("pi-1", "before");
  expect(await shown()).toEqual({ user: "pi-1", pass: "before" });
  await written("pi-1", "after");
  expect(await shown()).toEqual({ user: "pi-1", pass: "after" });
  expect(lines).toEqual([]);
});

test("a user that is not named as the device is reported once, and not called shared", async () => {
  await written("iot-agent", "secret");
  await shown();
  await shown();
  expect(lines).toEqual([expect.stringMatching(/ warn the NATS user is not named as this device is: if other .* user=iot-agent\n$/)]);
  await written("plant", "secret");
  await shown();
  expect(lines).toHaveLength(2);
});

test("a file that cannot be read any more does not cut the device off; the log says so once, without the password", async () => {
  await written("pi-1", "secret");
  await shown();
  await writeFile(file, '[credentials]\ntype = "toml-shared"\nnats_user = "pi-1"\nnats_pass = 5432112345\n');
  expect([await shown(), await shown()]).toEqual([
    { user: "pi-1", pass: "secret" },
    { user: "pi-1", pass: "secret" },
  ]);
  expect(lines).toEqual([
    expect.stringMatching(/ warn the credentials cannot be read; .*config\.toml: credentials\.nats_pass: expected text"\n$/),
  ]);
  await rm(file);
  expect(await shown()).toEqual({ user: "pi-1", pass: "secret" });
  expect(lines[1]).toContain("there is no such file");
});

test("one that never could be read is an error with a sentence", async () => {
  await expect(shown()).rejects.toThrow(/config\.toml: cannot read the configuration: there is no such file/);
});
