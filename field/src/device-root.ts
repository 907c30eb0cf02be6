// Makes the system on the disk of an emulated device: Debian trixie with the packages of a real one
// and its kernel. mmdebstrap makes it once for an architecture, and it is kept unpacked in the
// cache; device-disk.ts installs the agent and makes a disk of it. Units that such a machine does
// not need are masked, because an emulated processor boots twenty times slower than a real one: no
// udev (the devices are known), no network manager (one address), no sshd (the console is a serial
// shell). systemd, journald, logind, the user's manager and Podman are as on a Pi.

import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached, findProgram, run } from "@iot/testkit";

export type Architecture = "amd64" | "arm64";

export interface DeviceRoot {
  readonly root: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** The device's own address, and the host as it sees it, in the network that qemu makes for it. */
export const DEVICE_NETWORK = { subnet: "10.77.0.0/24", device: "10.77.0.15", host: "10.77.0.2" } as const;

/** The units that a system needs enabled besides its own, with EMULATED_FILES. */
export const EMULATED_UNITS = [
  "field-shell@hvc0.service",
  "field-shell@hvc1.service",
  "field-network.service",
  "console-getty.service",
] as const;

/**
 * It changes whenever the code below changes, so that an older root in the cache is not taken for
 * this one.
 */
const RECIPE = "2";

const PACKAGES =
  "systemd,systemd-sysv,udev,kmod,dbus,dbus-user-session,libpam-systemd,podman,crun,uidmap,passt,slirp4netns,netavark,aardvark-dns," +
  "nftables,openssh-server,curl,jq,iproute2,ca-certificates,catatonit,sudo,busybox-static";

/** Under emulation an emulated dpkg configures every package. */
const BOOTSTRAP_TIMEOUT_MS = 60 * 60_000;

export async function deviceRoot(architecture: Architecture): Promise<DeviceRoot> {
  const packages = await cached(`field-packages-trixie-${architecture}-${RECIPE}`, (into) => installPackages(architecture, into));
  const folder = await cached(`field-root-trixie-${architecture}-${RECIPE}`, (into) => makeRoot(packages, into));
  return { root: join(folder, "root"), kernel: join(folder, "kernel"), initrd: join(folder, "initrd") };
}

/**
 * The slow half is a part by itself, so that a change of the settings below does not cost another
 * quarter of an hour.
 */
async function installPackages(architecture: Architecture, into: string): Promise<void> {
  await assertHostCan(architecture);
  const hook = join(into, "fetch-kernel");
  await writeFile(hook, FETCH_KERNEL);
  await chmod(hook, 0o755);
  const bootstrap = ["mmdebstrap", "--quiet", `--architectures=${architecture}`, "--variant=minbase", `--include=${PACKAGES}`];
  const kernel = `--customize-hook=${hook} "$1" linux-image-cloud-${architecture}`;
  await run([...bootstrap, kernel, "trixie", join(into, "root")], { timeoutMs: BOOTSTRAP_TIMEOUT_MS });
  await rm(hook);
}

// The kernel is unpacked and not installed: its scripts would make an initramfs, and the suite's
// own is smaller.
const FETCH_KERNEL = `#!/bin/sh
set -eu
root=$1 meta=$2
name=$(chroot "$root" apt-cache depends "$meta" | sed -n 's/.*Depends: \\(linux-image-[^ ]*\\).*/\\1/p' | head -n 1)
chroot "$root" sh -c "cd /var/tmp && apt-get -o APT::Sandbox::User=root download $name"
mkdir "$root/var/tmp/kernel"
dpkg-deb -x "$root"/var/tmp/linux-image-*.deb "$root/var/tmp/kernel"
rm "$root"/var/tmp/linux-image-*.deb
`;

export async function assertHostCan(architecture: Architecture): Promise<void> {
  const cannot = `failed to make the root of an emulated ${architecture} device`;
  if (process.getuid?.() !== 0) throw new Error(`${cannot}: it takes chroot and mounts; run this as root`);
  for (const program of ["mmdebstrap", "mkfs.ext4", "arch-test"]) {
    if ((await findProgram(program)) === undefined)
      throw new Error(`${cannot}: this machine has no ${program}; the Debian packages to install are listed in build/host-packages.txt`);
  }
  if (!(await canRun(architecture))) await registerEmulator(architecture);
  if (!(await canRun(architecture)))
    throw new Error(`${cannot}: this kernel does not run ${architecture} programs; install qemu-user-static, and mount binfmt_misc`);
}

async function canRun(architecture: Architecture): Promise<boolean> {
  return (await run(["arch-test", architecture], { allowExitCodes: [0, 1] })).exitCode === 0;
}

/** Does what systemd-binfmt does at boot, for a machine that does not run systemd. */
async function registerEmulator(architecture: Architecture): Promise<void> {
  const place = "/proc/sys/fs/binfmt_misc";
  if (!(await readdir(place)).includes("register")) await run(["mount", "-t", "binfmt_misc", "binfmt_misc", place]);
  const name = architecture === "arm64" ? "qemu-aarch64" : "qemu-x86_64";
  const line = await readFile(`/usr/lib/binfmt.d/${name}.conf`, "utf8");
  if (!(await readdir(place)).includes(name)) await writeFile(join(place, "register"), line);
}

async function makeRoot(packages: string, into: string): Promise<void> {
  const root = join(into, "root");
  await run(["cp", "-a", join(packages, "root"), root]);
  const unpacked = join(root, "var/tmp/kernel");
  const modules = join(unpacked, "usr/lib/modules");
  const [version = ""] = await readdir(modules);
  await run(["mv", modules, join(root, "usr/lib/modules")]);
  await cp(join(unpacked, "boot", `vmlinuz-${version}`), join(into, "kernel"));
  await rm(unpacked, { recursive: true });
  const inRoot = (argv: readonly string[]): Promise<unknown> => run(["chroot", root, ...argv]);
  await inRoot(["depmod", version]);
  await makeInitrd(root, join(root, "usr/lib/modules", version), into);
  await inRoot(["passwd", "--delete", "root"]);
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await inRoot(["systemctl", "enable", ...EMULATED_UNITS]);
  await inRoot(["systemctl", "--global", "mask", "--quiet", ...IDLE_USER_UNITS]);
  for (const generator of IDLE_GENERATORS) await mask(join(root, "etc/systemd", generator));
  await inRoot(["systemctl", "mask", "--quiet", ...IDLE_UNITS]);
}

/** The initrd holds only the driver of the disk, which Debian's kernel has as a module. */
async function makeInitrd(root: string, modules: string, into: string): Promise<void> {
  const folder = join(into, "initrd-files");
  for (const name of ["bin", "dev", "root"]) await mkdir(join(folder, name), { recursive: true });
  await cp(join(root, "usr/bin/busybox"), join(folder, "bin/busybox"));
  await run(["sh", "-c", 'xz --decompress --stdout "$0" >"$1"', join(modules, DISK_DRIVER), join(folder, "disk.ko")]);
  await writeFile(join(folder, "init"), INIT, { mode: 0o755 });
  await run(["sh", "-c", "find . | busybox cpio -o -H newc >../initrd"], { cwd: folder });
  await rm(folder, { recursive: true });
}

const DISK_DRIVER = "kernel/drivers/block/virtio_blk.ko.xz";

const INIT = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox insmod /disk.ko
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
`;

async function mask(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await run(["ln", "-s", "/dev/null", path]);
}

/** The files that any system needs to be booted by machine.ts. */
export const EMULATED_FILES: Readonly<Record<string, string>> = {
  "etc/hostname": "device\n",
  "etc/hosts": "127.0.0.1 localhost device\n",
  "etc/fstab": "",
  "etc/resolv.conf": "nameserver 10.77.0.3\n",
  "etc/modules-load.d/field.conf": "virtio_net\ntun\noverlay\nfuse\n",
  "etc/systemd/system/field-network.service": `[Unit]
Description=Network of the emulated device
DefaultDependencies=no
After=systemd-modules-load.service
Before=network-online.target network.target
Wants=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'set -- /sys/class/net/e*; link=$\${1##*/}; ip address add ${DEVICE_NETWORK.device}/24 dev $link; ip link set $link up; ip link set lo up; ip route add default via ${DEVICE_NETWORK.host}'

[Install]
WantedBy=multi-user.target network-online.target
`,
  // The suite acts on the device through these: a root shell on each of two ports of its own, as
  // early as possible.
  "etc/systemd/system/field-shell@.service": `[Unit]
Description=Shell of the field suite on %i
DefaultDependencies=no
StartLimitIntervalSec=0

[Service]
# Through a pipe: a shell on a terminal would prompt. Held open: the terminal forgets its settings when it is closed.
ExecStart=/bin/sh -c 'exec 3<>/dev/%i; stty raw -echo <&3; echo field shell ready >&3; cat <&3 | /bin/sh >&3 2>&1'
Restart=always
RestartSec=1

[Install]
WantedBy=sysinit.target
`,
};

const FILES: Readonly<Record<string, string>> = {
  ...EMULATED_FILES,
  // The options are those that provisioning writes; a container sees 10.0.2.0.
  "etc/containers/containers.conf": `[network]\npasta_options = ["-a", "10.0.2.0", "-n", "24", "-g", "10.0.2.2"]\n`,
  // The suite reads after each cut what a crash left, so every log line has to reach the disk.
  "etc/systemd/journald.conf.d/field.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=64M\nRateLimitIntervalSec=0\nSyncIntervalSec=5s\n",
};

const IDLE_UNITS: readonly string[] = [
  ..."apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer systemd-tmpfiles-clean.timer".split(" "),
  ..."systemd-timesyncd.service ssh.service ssh.socket sshd-keygen.service getty-static.service getty@tty1.service".split(" "),
  ..."systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service".split(" "),
  ..."systemd-udev-load-credentials.service systemd-pstore.service systemd-firstboot.service systemd-hwdb-update.service".split(" "),
  ..."systemd-update-done.service ldconfig.service systemd-journal-catalog-update.service systemd-sysusers.service".split(" "),
  ..."systemd-network-generator.service systemd-random-seed.service systemd-machine-id-commit.service".split(" "),
  ..."systemd-hibernate-clear.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service".split(" "),
  ..."systemd-pcrmachine.service systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-pcrextend.socket".split(" "),
  ..."systemd-pcrlock.socket systemd-sysext.socket systemd-creds.socket systemd-hostnamed.socket systemd-initctl.socket".split(" "),
  ..."systemd-ask-password-wall.path systemd-ask-password-console.path systemd-binfmt.service".split(" "),
  ..."proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount".split(" "),
  ..."dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount remote-fs.target".split(" "),
  ..."podman.service podman.socket podman-auto-update.timer podman-restart.service netavark-dhcp-proxy.service".split(" "),
  ..."netavark-dhcp-proxy.socket netavark-firewalld-reload.service modprobe@drm.service".split(" "),
];

const IDLE_USER_UNITS: readonly string[] =
  "gpg-agent.socket gpg-agent-ssh.socket gpg-agent-extra.socket gpg-agent-browser.socket ssh-agent.socket dirmngr.socket keyboxd.socket".split(
    " ",
  );

const IDLE_GENERATORS: readonly string[] = [
  ..."podman-system-generator systemd-debug-generator systemd-fstab-generator systemd-getty-generator systemd-gpt-auto-generator"
    .concat(" systemd-hibernate-resume-generator systemd-rc-local-generator systemd-run-generator systemd-ssh-generator")
    .concat(" systemd-system-update-generator systemd-sysv-generator systemd-tpm2-generator")
    .split(" ")
    .map((name) => `system-generators/${name}`),
  "user-generators/podman-user-generator",
  "user-generators/systemd-xdg-autostart-generator",
];
