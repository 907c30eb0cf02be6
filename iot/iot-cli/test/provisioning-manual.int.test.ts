// docs/iot/pi-provisioning-manual.md, word for word: the cloud-init file booted on a blank device,
// and the commands by hand typed on another. Both end where `iot provision` finds nothing to do,
// and answer the document's checks as it says they do.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type BlankDevice, blankDevicePublicKey, type CloudInit, run, type RunResult, startBlankDevice } from "@iot/testkit";
import { describe, expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const DOCS = join(import.meta.dirname, "../../../docs/iot");
const manual = await readFile(join(DOCS, "pi-provisioning-manual.md"), "utf8");

const iot = (...args: readonly string[]): Promise<RunResult> =>
  run([process.execPath, MAIN, "provision", ...args], { allowExitCodes: [0, 1] });

/** The commands of a section that are there to be typed. */
function commandsOf(heading: string): string {
  const section = manual.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join("");
}

function sshOptions({ identityFile, knownHostsFile }: BlankDevice): readonly string[] {
  return ["-i", identityFile, "-o", `UserKnownHostsFile=${knownHostsFile}`, "-o", "BatchMode=yes"];
}

async function expectReady(device: BlankDevice): Promise<void> {
  const access = [
    "--host",
    device.address,
    "--user",
    device.user,
    "--identity",
    device.identityFile,
    "--known-hosts",
    device.knownHostsFile,
  ];
  const { stdout, stderr, exitCode } = await iot(...access, "--ssh-key", `${device.identityFile}.pub`);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(stdout).toMatch(/^nothing to do$/m);
  const { stdout: architecture } = await device.exec(["uname", "-m"]);
  const checks = commandsOf("Verify").trim().split("\n");
  expect(checks).toHaveLength(4);
  for (const check of checks) {
    const [command = "", expected = ""] = check.replace("<pi-ip>", device.address).split(/\s+# /);
    const ssh = `ssh() { command ssh ${sshOptions(device).join(" ")} "$@"; }`;
    const { stdout: answer } = await run(["bash", "-c", `${ssh}\n${command}`]);
    if (expected.startsWith("podman version")) expect(answer).toMatch(/^podman version (4\.([4-9]|\d\d)|[5-9])\./);
    // The device of the test need not be a Pi.
    else expect([command, answer.trim()]).toEqual([command, expected === "aarch64" ? architecture.trim() : expected]);
  }
}

describe.concurrent("a blank device becomes one that is ready", () => {
  test("with the cloud-init files", async () => {
    const key = await blankDevicePublicKey();
    const { stdout: userData } = await iot("--cloud-init", "--device-id", "pi-demo-01", "--admin", "pi", "--ssh-key", key);
    const networkConfig: CloudInit["networkConfig"] = async ({ link, address, gateway }) => {
      const network = ["--interface", link, "--address", address, "--gateway", gateway, "--dns", gateway];
      return (await iot("--network-config", ...network)).stdout;
    };
    await using device = await startBlankDevice({ cloudInit: { userData, networkConfig } });
    const { stdout } = await device.exec(["cloud-init", "status", "--long"], { allowExitCodes: [0, 1, 2] });
    expect(stdout).toMatch(/^status: done$/m);
    expect(stdout).toMatch(/^errors: \[\]$/m);
    await expectReady(device);
    expect((await device.exec(["hostname"])).stdout.trim()).toBe("pi-demo-01");
    // It answered at the address that it gave itself.
    const { stdout: route } = await device.exec(["ip", "route", "show", "default"]);
    expect(route).toContain(`default via ${device.hostAddress} dev host0 proto static`);
  });

  test("by hand", async () => {
    await using device = await startBlankDevice();
    const login = `${device.user}@${device.address}`;
    await run(["ssh", ...sshOptions(device), login, "sudo DEBIAN_FRONTEND=noninteractive bash -e"], { stdin: commandsOf("By hand") });
    await expectReady(device);
  });
});
