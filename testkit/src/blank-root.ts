// Makes the system of a blank device: Debian trixie as an image gives it, with sshd, sudo and a
// person's user `pi`, and nothing of this project. Beside it lie the Debian packages that
// provisioning may ask for, as an apt repository in a folder, since a simulated device has no route
// to the mirrors. A second root has what vendors add. Each is made once for an architecture and
// kept in the cache. The machine's kernel must be able to run the programs of a foreign
// architecture.

import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached } from "./cache.ts";
import { run } from "./program.ts";

/** The user that a person logs in as. It has uid 1000, so the agent's user gets the next one. */
export const BLANK_USER = "pi";
export const BLANK_AGENT_UID = 1001;

/** The device finds the repository there. */
export const PACKAGES_FOLDER = "/srv/packages";

const SYSTEM = "systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,iproute2,ca-certificates";

/** The packages that a device may install; all that they depend on is added. */
const OFFERED =
  "podman systemd-container openssh-server curl jq uidmap dbus-user-session passt slirp4netns netavark aardvark-dns nftables " +
  "systemd-timesyncd cloud-init netplan.io network-manager fuse-overlayfs catatonit";

/**
 * It changes whenever the code below changes, so that an older root in the cache is not taken for
 * this one.
 */
const RECIPE = "2";
const BOOTSTRAP_TIMEOUT_MS = 30 * 60_000;

export interface BlankRoot {
  readonly root: string;
  readonly packages: string;
  /** The private key that `pi` logs in with. Its public half lies beside it as `.pub`. */
  readonly identityFile: string;
  /** The device's own public host key: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
}

export type DebianArchitecture = "amd64" | "arm64";

const HOST_ARCHITECTURE: DebianArchitecture = process.arch === "arm64" ? "arm64" : "amd64";

/** The default is this machine's architecture. */
export async function blankRoot(architecture = HOST_ARCHITECTURE): Promise<BlankRoot> {
  const base = await cached(`device-blank-trixie-${architecture}-${RECIPE}`, (into) => makeBlank(architecture, into));
  return describeRoot(base, join(base, "root"));
}

/**
 * The same root with what vendors' images also have: cloud-init, and both netplan and
 * NetworkManager, switched off.
 */
export async function vendorRoot(): Promise<BlankRoot> {
  const { root, packages } = await blankRoot();
  const base = await cached(`device-vendor-trixie-${HOST_ARCHITECTURE}-${RECIPE}`, async (into) => {
    const copy = join(into, "root");
    await run(["cp", "--archive", "--reflink=auto", root, copy]);
    const install =
      "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends install cloud-init netplan.io network-manager && systemctl disable NetworkManager";
    await run(
      [
        "systemd-nspawn",
        "--quiet",
        "--register=no",
        "--keep-unit",
        `--directory=${copy}`,
        `--bind-ro=${packages}:${PACKAGES_FOLDER}`,
      ].concat("--pipe", "/bin/sh", "-c", install),
      { timeoutMs: BOOTSTRAP_TIMEOUT_MS },
    );
  });
  return describeRoot(dirname(packages), join(base, "root"));
}

async function describeRoot(base: string, root: string): Promise<BlankRoot> {
  const [type = "", key = ""] = (await readFile(join(root, "etc/ssh/ssh_host_ed25519_key.pub"), "utf8")).split(" ");
  return { root, packages: join(base, "packages"), identityFile: join(base, "identity"), hostKey: `${type} ${key.trim()}` };
}

async function makeBlank(architecture: DebianArchitecture, into: string): Promise<void> {
  const root = join(into, "root");
  const packages = join(into, "packages");
  await mkdir(packages);
  const download = `APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq --yes --no-install-recommends --download-only install ${OFFERED}`;
  await run(
    [
      "mmdebstrap",
      "--quiet",
      `--architectures=${architecture}`,
      "--variant=minbase",
      `--include=${SYSTEM}`,
      `--customize-hook=${download}`,
      `--customize-hook=cp "$1"/var/cache/apt/archives/*.deb "${packages}"`,
      "trixie",
      root,
    ],
    { timeoutMs: BOOTSTRAP_TIMEOUT_MS },
  );
  await indexPackages(packages);
  await write(root, "/etc/apt/sources.list", `deb [trusted=yes] file:${PACKAGES_FOLDER} ./\n`);
  // The host's disk is no card, so dpkg need not flush each file.
  await write(root, "/etc/dpkg/dpkg.cfg.d/testkit", "force-unsafe-io\n");
  // crun refuses Podman's default pids limit where the kernel gives no such controller, as here.
  await write(root, "/etc/containers/containers.conf.d/testkit.conf", "[containers]\npids_limit = 0\n");
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "person@workstation", "-f", join(into, "identity")]);
  await addPerson(root, await readFile(join(into, "identity.pub"), "utf8"));
  // A simulated device has no use for these, and they would only make its boot longer.
  const idle = ["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "getty.target", "console-getty.service"];
  for (const unit of idle) await run(["chroot", root, "systemctl", "mask", "--quiet", unit]);
}

/** Adds the first user as Raspberry Pi OS does: its sudo asks for nothing. */
async function addPerson(root: string, publicKey: string): Promise<void> {
  const home = join(root, "home", BLANK_USER);
  await run(["chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", "--uid", "1000", BLANK_USER]);
  await write(root, `/home/${BLANK_USER}/.ssh/authorized_keys`, publicKey);
  await run(["chroot", root, "chown", "-R", `${BLANK_USER}:${BLANK_USER}`, `/home/${BLANK_USER}/.ssh`]);
  await chmod(join(home, ".ssh"), 0o700);
  await write(root, `/etc/sudoers.d/010_${BLANK_USER}-nopasswd`, `${BLANK_USER} ALL=(ALL) NOPASSWD: ALL\n`);
}

/** Writes apt's index of a flat repository. */
async function indexPackages(folder: string): Promise<void> {
  const entries = await Promise.all(
    (await readdir(folder))
      .filter((name) => name.endsWith(".deb"))
      .map(async (file) => {
        // apt writes the colon of an epoch as %3a, and would decode it again when it looks for the
        // file.
        const name = file.replaceAll(/%3a/gi, ".");
        if (name !== file) await rename(join(folder, file), join(folder, name));
        const bytes = await readFile(join(folder, name));
        const { stdout: control } = await run(["dpkg-deb", "--field", join(folder, name)]);
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        return `${control.trim()}\nFilename: ./${name}\nSize: ${bytes.length}\nSHA256: ${sha256}\n`;
      }),
  );
  await writeFile(join(folder, "Packages"), entries.join("\n"));
}

async function write(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
