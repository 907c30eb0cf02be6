// Makes the image of a blank device: Debian trixie with sshd, sudo and a person's user, nothing of
// this project, and the packages that provisioning may ask for, since an emulated device has no
// route to the mirrors. Kernel, initrd and the suite's own units are those of device-root.ts.
// Nothing is masked that a person's commands could meet.

import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type BlankRoot, blankRoot, makeTempFolder, PACKAGES_FOLDER, run } from "@iot/testkit";
import { type Architecture, assertHostCan, type DeviceRoot, deviceRoot, EMULATED_FILES, EMULATED_UNITS } from "./device-root.ts";

const SIZE = "4G";
/** udev's package compiles its database of hardware, on an emulated processor. */
const INSTALL_TIMEOUT_MS = 20 * 60_000;

/**
 * These settings fit a container of systemd-nspawn, and not a device with a kernel and a disk of
 * its own.
 */
const OF_SIMULATED_DEVICES = ["etc/containers/containers.conf.d", "etc/dpkg/dpkg.cfg.d/testkit"];

/**
 * The units are masked as on the other emulated devices: the devices are known, and the cable keeps
 * the kernel's name.
 */
const UDEV_UNITS = ["systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-udev-trigger.service"];

export async function makeBlankImage(options: {
  architecture: Architecture;
  into: string;
}): Promise<{ readonly boot: DeviceRoot; readonly blank: BlankRoot }> {
  const { architecture, into } = options;
  await assertHostCan(architecture);
  const boot = await deviceRoot(architecture);
  const blank = await blankRoot(architecture);
  const folder = await makeTempFolder("field-blank");
  const at = (name: string): string => join(folder.path, name);
  const root = at("merged");
  for (const name of ["upper", "work", "merged"]) await mkdir(at(name));
  await run(["mount", "-t", "overlay", "field-blank", "-o", `lowerdir=${blank.root},upperdir=${at("upper")},workdir=${at("work")}`, root]);
  try {
    for (const path of OF_SIMULATED_DEVICES) await rm(join(root, path), { recursive: true });
    await cp(join(boot.root, "usr/lib/modules"), join(root, "usr/lib/modules"), { recursive: true });
    await cp(blank.packages, join(root, PACKAGES_FOLDER), { recursive: true });
    for (const [path, text] of Object.entries(EMULATED_FILES)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    // The packages are installed because an image with a kernel has them: libkmod loads its
    // modules, and udev's package opens /dev/net/tun and /dev/fuse to all.
    const kernels = (await readdir(blank.packages)).filter((name) => /^(libkmod2|udev)_/.test(name));
    const files = kernels.map((name) => join(PACKAGES_FOLDER, name));
    await run(["chroot", root, "dpkg", "--install", ...files], { timeoutMs: INSTALL_TIMEOUT_MS });
    const systemctl = (...args: readonly string[]): Promise<unknown> => run(["chroot", root, "systemctl", "--quiet", ...args]);
    await systemctl("unmask", "getty.target", "console-getty.service");
    await systemctl("enable", ...EMULATED_UNITS);
    // The first would ask questions at the console. The second waits for a terminal that only a
    // running udev would announce.
    await systemctl("mask", "systemd-firstboot.service", "serial-getty@.service", ...UDEV_UNITS);
    await rm(into, { force: true });
    await run(["truncate", `--size=${SIZE}`, into]);
    await run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", root, into]);
  } finally {
    await run(["umount", root]);
    await folder.remove();
  }
  return { boot, blank };
}
