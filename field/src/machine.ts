// One run of an emulated device, from power on to the end of its qemu process. That end is a power
// cut, since it loses the device's memory. disk.ts has its disk. The network is qemu's own: the
// device reaches the host at one address, and the host reaches chosen ports of the device.

import { spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@iot/testkit";
import { type Architecture, DEVICE_NETWORK, type DeviceRoot } from "./device-root.ts";
import type { MountedDisk } from "./disk.ts";
import { connectShell, type GuestShell } from "./guest-shell.ts";

export interface MachineOptions {
  readonly architecture: Architecture;
  readonly root: DeviceRoot;
  readonly disk: MountedDisk;
  /** The folder for its sockets. It is short, because a socket's path may have 107 bytes. */
  readonly folder: string;
  /** Ports of the device, by the port of the host's loopback that leads to each. */
  readonly forward: Readonly<Record<number, number>>;
}

export interface Machine {
  /** The time when the process was started, by `performance.now()`. */
  readonly startedAt: number;
  /** Milliseconds until the login prompt. */
  readonly login: Promise<number>;
  readonly shell: GuestShell;
  /** A second shell, for a script that does not end. */
  readonly watcher: GuestShell;
  running(): boolean;
  /** The output of the serial line since power on. */
  serial(): string;
  /** Cuts the power. */
  cut(): Promise<void>;
  /** Shuts it down in order. */
  powerOff(): Promise<void>;
}

const POWER_OFF_TIMEOUT_MS = 180_000;
const MEMORY_MEGABYTES = 1024;

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { folder } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const startedAt = performance.now();
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...qemuArgv(options)], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let serial = "";
  let running = true;
  const login = Promise.withResolvers<number>();
  // A caller that does not await it must not end when a device is cut before its login.
  login.promise.catch(() => undefined);
  const keep = (chunk: Buffer): void => {
    serial += chunk.toString();
    if (/^\S* ?login: /m.test(serial.slice(-2000))) login.resolve(performance.now() - startedAt);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      running = false;
      login.reject(new Error("the device was switched off before the login prompt"));
      resolve();
    };
    child.once("error", end).once("close", end);
  });
  const cut = async (): Promise<void> => {
    if (running) child.kill("SIGKILL");
    await exited;
    shell.close();
    watcher.close();
    await writeFile(join(folder, "serial.log"), serial);
  };
  const port = (name: string): Promise<GuestShell> =>
    eventually(() => (running ? connectShell(join(folder, name)) : Promise.reject(new Error(`qemu ended:\n${serial}`))), {
      what: "qemu is started",
      timeoutMs: 20_000,
      intervalMs: 5,
    });
  const [shell, watcher] = await Promise.all([port("shell"), port("watcher")]);
  return {
    startedAt,
    login: login.promise,
    shell,
    watcher,
    running: () => running,
    serial: () => serial,
    cut,
    powerOff: async () => {
      await shell.run("systemctl poweroff --no-block");
      const timer = setTimeout(() => child.kill("SIGKILL"), POWER_OFF_TIMEOUT_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

function qemuArgv({ architecture, root, disk, folder, forward }: MachineOptions): readonly string[] {
  const { subnet, host } = DEVICE_NETWORK;
  const forwards = Object.entries(forward).map(([at, port]) => `,hostfwd=tcp:127.0.0.1:${at}-${DEVICE_NETWORK.device}:${port}`);
  const sockets = ["shell", "watcher"].flatMap((name) => [
    "-chardev",
    `socket,id=${name},path=${join(folder, name)},server=on,wait=off`,
    "-device",
    `virtconsole,chardev=${name}`,
  ]);
  const kernelOptions = "quiet systemd.show_status=0 mitigations=off";
  const machine: Readonly<Record<Architecture, readonly string[]>> = {
    amd64: ["qemu-system-x86_64", "-M", "q35,usb=off,smm=off,sata=off,smbus=off,graphics=off", "-cpu", "max,la57=off"],
    arm64: ["qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "cortex-a76"],
  };
  const console: Readonly<Record<Architecture, string>> = { amd64: "ttyS0", arm64: "ttyAMA0" };
  // qemu 7.2 garbles its log of writes when zeroes are written as such beside something else, so
  // write-zeroes is off.
  const parts = `-nodefaults -no-user-config -no-reboot -display none -accel tcg,thread=single,tb-size=256 -smp 1 -m ${MEMORY_MEGABYTES}
    -kernel ${root.kernel} -initrd ${root.initrd} -device virtio-blk-pci,drive=disk,write-zeroes=off,discard=off
    -netdev user,id=net,net=${subnet},host=${host},dns=10.77.0.3${forwards.join("")} -device virtio-net-pci,netdev=net,romfile=
    -device virtio-rng-pci -device virtio-serial-pci -serial stdio`;
  return [
    ...machine[architecture],
    ...parts.split(/\s+/),
    "-append",
    `${kernelOptions} console=${console[architecture]}`,
    ...disk.blockdevs.flatMap((node) => ["-blockdev", node]),
    ...sockets,
  ];
}
