import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runIot } from "../program.ts";

const folder = mkdtempSync(join(tmpdir(), "provision-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function provision(...args: readonly string[]): Promise<string> {
  let written = "";
  const write = (text: string): void => void (written += text);
  await runIot(["provision", ...args], {
    env: {},
    write,
    warn: write,
    isTerminal: false,
    width: 100,
    signal: new AbortController().signal,
  });
  return written;
}

const KEY = file("key.pub", "ssh-ed25519 AAAAC3Nza me@laptop\n");

test("what a file says differs from the usual, and the flags from the file", async () => {
  const score = file(
    "score.yaml",
    "type: LinuxHostV0\ndata:\n  hostname: from-file\n  packages: [podman, tmux]\n  agentUser: {authorizedKeys: [ssh-rsa AAAAB3 other]}\n",
  );
  const text = await provision("--cloud-init", "--score", score, "--device-id", "from-flag", "--ssh-key", KEY);
  expect(text).toContain("\nhostname: from-flag\n");
  expect(text).toContain("\npackages:\n  - podman\n  - tmux\n  - systemd-timesyncd\n");
  expect(text).toContain('ssh_authorized_keys: ["ssh-rsa AAAAB3 other","ssh-ed25519 AAAAC3Nza me@laptop"]');
});

test("the network-config is netplan's", async () => {
  const text = await provision(
    "--network-config",
    "--interface",
    "end0",
    "--address",
    "10.0.0.2/24",
    "--gateway",
    "10.0.0.1",
    "--dns",
    "9.9.9.9",
  );
  expect(text).toContain("    end0:\n      dhcp4: false\n      addresses: [10.0.0.2/24]\n");
});

test.each([
  [[], "say which host with --host"],
  [["--host", "pi", "--address", "10.0.0.2/24"], "--address and --gateway go together"],
  [["--host", "pi", "--address", "10.0.0.2/24", "--gateway", "10.1.0.1"], "the flags: staticAddress.gateway: expected a gateway inside"],
  [["--host", "pi", "--port", "ssh"], "--port is a number from 1 to 65535, and not ssh"],
  [["--cloud-init", "--device-id", "Pi_1"], "the flags: hostname: expected a DNS label"],
  [["--cloud-init", "--address", "10.0.0.2/24", "--gateway", "10.0.0.1"], "print it with --network-config"],
  [["--network-config"], "say --address and --gateway"],
  [["--cloud-init", "--admin", "root: x"], "--admin is a user's name"],
  [["--cloud-init", "--ssh-key", file("key", "-----BEGIN OPENSSH PRIVATE KEY-----\n")], "is a private key, which stays where it is"],
  [["--cloud-init", "--ssh-key", join(folder, "none.pub")], "failed to read"],
  [
    ["--cloud-init", "--score", file("wrong.yaml", "type: LinuxHostV0\ndata: {journal: {maxUse: 3}}\n")],
    "journal.maxUse: expected text, found 3",
  ],
  [["--cloud-init", "--score", file("other.yaml", "type: PodmanV0\n")], 'type: expected "LinuxHostV0", found "PodmanV0"'],
  [["--cloud-init", "--score", file("no.yaml", "type: [\n")], "is not YAML"],
])("%j is refused in words", async (args, message) => {
  await expect(provision(...args)).rejects.toThrow(message);
});
