import { mkdir, writeFile } from "node:fs/promises";
import { makeTempFolder } from "@iot/testkit";
import { expect, test } from "vitest";
import { runsHere } from "./processor.ts";

test.each([
  ["x86_64", "amd64", true],
  ["x86_64", "386", true],
  ["x86_64", "arm64", false],
  ["aarch64", "arm64", true],
  ["aarch64", "arm", true],
  ["aarch64", "amd64", false],
  ["armv7l", "arm64", false],
  ["armv6l", "arm", true],
  ["x86_64", "", true],
  ["riscv64", "amd64", true],
])("a kernel %s runs %s: %s", async (machine, architecture, isSo) => {
  expect((await runsHere(architecture, { root: "/nowhere", machine })).isSo).toBe(isSo);
});

test("one that an emulator runs is run", async () => {
  const folder = await makeTempFolder("binfmt");
  await mkdir(`${folder.path}/proc/sys/fs/binfmt_misc`, { recursive: true });
  const asked = { root: folder.path, machine: "x86_64" };
  await writeFile(`${folder.path}/proc/sys/fs/binfmt_misc/qemu-aarch64`, "enabled\ninterpreter /usr/bin/qemu-aarch64\n");
  expect(await runsHere("arm64", asked)).toEqual({ isSo: true, machine: "amd64" });
  await writeFile(`${folder.path}/proc/sys/fs/binfmt_misc/qemu-aarch64`, "disabled\n");
  expect(await runsHere("arm64", asked)).toEqual({ isSo: false, machine: "amd64" });
  await folder.remove();
});
