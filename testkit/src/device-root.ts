// Makes the system of a simulated device: Debian trixie with systemd and rootless Podman, made once
// by mmdebstrap and kept unpacked in the cache. Devices boot from overlays of it and never write to
// it. The user `iot-agent` is provisioned as device.md says. Podman 4.9 is laid over as a second
// root.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached } from "./cache.ts";
import { run } from "./program.ts";
import { podman4Layer } from "./real-parts.ts";

export type PodmanVersion = "5.4" | "4.9";

/**
 * The user that runs the workloads. A user with a uid below 1000 would log to the system journal,
 * where `podman logs` does not look.
 */
export const DEVICE_USER = { name: "iot-agent", uid: 1000 } as const;

const PACKAGES =
  "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,podman,crun,uidmap,passt,slirp4netns,netavark,aardvark-dns," +
  "nftables,openssh-server,curl,jq,iproute2,ca-certificates,sudo,sqlite3,busybox-static,fuse-overlayfs,git";

/**
 * It changes whenever the code below changes, so that an older root in the cache is not taken for
 * this one.
 */
const RECIPE = "2";

const BOOTSTRAP_TIMEOUT_MS = 30 * 60_000;

// crun refuses Podman's default pids limit where the controller is not delegated, as on a Pi whose
// memory controller is off. Without the pasta options no rootless container starts while the cable
// of a static address is out.
const CONTAINERS_CONF = `[containers]
pids_limit = 0

[network]
pasta_options = ["-a", "10.0.2.0", "-n", "24", "-g", "10.0.2.2"]
`;

/**
 * The unpacked roots to lay over each other, topmost first. Makes them if the cache does not have
 * them.
 */
export async function deviceRoot(podman: PodmanVersion = "5.4"): Promise<readonly string[]> {
  const base = await cached(`device-trixie-${RECIPE}`, makeRoot);
  return podman === "5.4" ? [join(base, "root")] : [await podman4Layer(), join(base, "root")];
}

async function makeRoot(into: string): Promise<void> {
  const root = join(into, "root");
  await run(["mmdebstrap", "--quiet", "--variant=minbase", `--include=${PACKAGES}`, "trixie", root], { timeoutMs: BOOTSTRAP_TIMEOUT_MS });
  const { name, uid } = DEVICE_USER;
  await inRoot(root, ["useradd", "--create-home", "--shell", "/bin/bash", "--uid", String(uid), name]);
  await write(root, "/etc/subuid", `${name}:100000:65536\n`);
  await write(root, "/etc/subgid", `${name}:100000:65536\n`);
  await write(root, `/var/lib/systemd/linger/${name}`, "");
  await write(root, "/etc/containers/containers.conf", CONTAINERS_CONF);
  await write(
    root,
    "/etc/systemd/journald.conf.d/testkit.conf",
    "[Journal]\nStorage=persistent\nSystemMaxUse=64M\nRateLimitIntervalSec=0\n",
  );
  await inRoot(root, ["systemctl", "--global", "enable", "podman.socket"]);
  // A simulated device has no use for these, and they would only make its boot longer.
  const idle = ["ssh.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "systemd-timesyncd.service"];
  for (const unit of [...idle, "getty.target", "console-getty.service", "podman.service", "podman.socket", "podman-auto-update.timer"])
    await inRoot(root, ["systemctl", "mask", "--quiet", unit]);
}

async function inRoot(root: string, argv: readonly string[]): Promise<void> {
  await run(["chroot", root, ...argv]);
}

async function write(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
