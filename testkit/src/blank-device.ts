// A simulated device as it comes from the shop: boots blank-root.ts, with what a person needs to
// log in to it over SSH.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BLANK_AGENT_UID, BLANK_USER, type BlankRoot, blankRoot, PACKAGES_FOLDER, vendorRoot } from "./blank-root.ts";
import { bootDevice, type Device } from "./device.ts";
import { eventually } from "./eventually.ts";
import { run } from "./program.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface BlankDeviceOptions {
  readonly name?: string;
  /**
   * The default is `minimal`. `vendor` also has cloud-init, netplan and NetworkManager, all off.
   */
  readonly image?: "minimal" | "vendor";
  /** The files that a vendor's image finds on its card at its first boot. */
  readonly cloudInit?: CloudInit;
}

export interface CloudInit {
  readonly userData: string;
  /** The device gives itself its address with it. */
  readonly networkConfig: (network: { readonly link: string; readonly address: string; readonly gateway: string }) => Promise<string>;
}

export interface BlankDevice extends Device {
  /** The user who may log in, and become root with sudo. */
  readonly user: string;
  readonly identityFile: string;
  /** The file with its host key under its address. */
  readonly knownHostsFile: string;
  /**
   * Gives the host's end of the network a second address, such as 10.9.8.1/24, so that the device
   * may move there.
   */
  addHostAddress(address: string): Promise<void>;
}

/**
 * The file with the public key of the device's user, for those who write it into a device before it
 * boots.
 */
export async function blankDevicePublicKey(): Promise<string> {
  return `${(await blankRoot()).identityFile}.pub`;
}

/** Resolves when sshd answers and, if cloud-init is used, when that has finished. */
export async function startBlankDevice(options: BlankDeviceOptions = {}): Promise<BlankDevice> {
  const { name = "blank", cloudInit, image = cloudInit === undefined ? "minimal" : "vendor" } = options;
  const blank = image === "minimal" ? await blankRoot() : await vendorRoot();
  const device = await bootDevice({
    name,
    layers: [blank.root],
    uid: BLANK_AGENT_UID,
    folders: [{ from: blank.packages, to: PACKAGES_FOLDER }],
    fill: (root, addresses) => (cloudInit === undefined ? Promise.resolve() : seedCloudInit(root, name, cloudInit, addresses)),
    hasOwnNetwork: cloudInit !== undefined,
    // The device cannot be asked while the cable is out.
    ready: (booted, network) => (network === "there" ? answersSsh(booted, blank) : Promise.resolve()),
  });
  const folder = await makeTempFolder("blank-device");
  const knownHostsFile = join(folder.path, "known_hosts");
  await writeFile(knownHostsFile, `${device.address} ${blank.hostKey}\n`);
  const stop = async (): Promise<void> => {
    await device.stop();
    await folder.remove();
  };
  return {
    ...device,
    user: BLANK_USER,
    identityFile: blank.identityFile,
    knownHostsFile,
    addHostAddress: async (address) => void (await run(["ip", "address", "add", address, "dev", device.hostInterface])),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Fills cloud-init's NoCloud folder, where it looks before all other places. */
async function seedCloudInit(
  root: string,
  name: string,
  { userData, networkConfig }: CloudInit,
  { address, hostAddress }: Pick<Device, "address" | "hostAddress">,
): Promise<void> {
  const seed = join(root, "var/lib/cloud/seed/nocloud");
  await mkdir(seed, { recursive: true });
  await writeFile(join(seed, "meta-data"), `instance-id: ${name}\n`);
  await writeFile(join(seed, "user-data"), userData);
  await writeFile(join(seed, "network-config"), await networkConfig({ link: "host0", address: `${address}/30`, gateway: hostAddress }));
  await run(["chroot", root, "systemctl", "enable", "--quiet", "systemd-networkd"]);
  // A container has no udev; netplan reports to it what it has written.
  await writeFile(join(root, "usr/local/bin/udevadm"), "#!/bin/sh\n", { mode: 0o755 });
  // The host key is known before the device boots.
  await writeFile(join(root, "etc/cloud/cloud.cfg.d/99-testkit.cfg"), "ssh_deletekeys: false\n");
}

async function answersSsh(device: Device, { hostKey }: BlankRoot): Promise<void> {
  await eventually(
    async () => {
      const { stdout } = await run(["ssh-keyscan", "-t", "ed25519", "-T", "5", device.address], { allowExitCodes: [0, 1] });
      return stdout.includes(hostKey) || Promise.reject(new Error(`sshd gives the host keys: ${stdout.trim() || "none"}`));
    },
    { what: `device ${device.name}: its sshd answers`, timeoutMs: 60_000, intervalMs: 200 },
  );
}
