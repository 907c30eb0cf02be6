// The machine below Podman: clock, disk, journal, controllers, power supply. Pure, from what was
// read of it.

import { shownPageSize } from "@harmony/podman";
import { bad, type Finding, good, warning } from "./finding.ts";
import type { FileSystemSpace } from "../machine/machine.ts";

const USUAL_PAGE_BYTES = 4096;
const BAD_FREE_BYTES = 200e6;
const LOW_FREE_BYTES = 1e9;
const LOW_SHARE = 0.05;

/** `synchronized`: as `timedatectl show` says it; null: it cannot be asked. */
export function checkClock({
  synchronized,
  timesyncMark,
}: {
  readonly synchronized: string | null;
  readonly timesyncMark: boolean;
}): Finding {
  if (synchronized === "yes" || timesyncMark) return good("clock", "synchronised");
  const mend = "sudo timedatectl set-ntp true; timedatectl timesync-status says which server is asked";
  return warning("clock", "not synchronised: certificates may look wrong, and times are the device's own", mend);
}

export function checkSpace(what: string, path: string, space: FileSystemSpace | null): Finding {
  const check = `disk (${what})`;
  if (space === null) return warning(check, `${path} cannot be looked at by this user`, "ask as root: sudo iot-agent doctor");
  const shown = `${gigabytes(space.freeBytes)} of ${gigabytes(space.sizeBytes)} free on the disk of ${path}`;
  const mend = "iot-agent podman system df shows what takes it; iot-agent podman image prune --all removes images that nothing uses";
  if (space.freeBytes < BAD_FREE_BYTES) return bad(check, `${shown}: too little to pull an image`, mend);
  if (space.inodes > 0 && space.freeInodes / space.inodes < LOW_SHARE)
    return bad(check, `${space.freeInodes} of ${space.inodes} inodes free on the disk of ${path}: files cannot be made`, mend);
  if (space.freeBytes < LOW_FREE_BYTES) return warning(check, shown, mend);
  return good(check, shown);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

export function checkJournal(isPersistent: boolean): Finding {
  if (isPersistent) return good("journal", "kept over reboots");
  return warning(
    "journal",
    "is lost with each reboot, and what was said before a power cut with it",
    "sudo mkdir -p /var/log/journal /etc/systemd/journald.conf.d && printf '[Journal]\\nStorage=persistent\\nSystemMaxUse=200M\\n' | sudo tee /etc/systemd/journald.conf.d/iot-agent.conf && sudo systemctl restart systemd-journald",
  );
}

/** `bytes` null: the kernel does not say. */
export function checkPageSize(bytes: number | null, isRaspberryPi: boolean): readonly Finding[] {
  const check = "memory pages";
  if (bytes === null) return [];
  const size = shownPageSize(bytes);
  if (bytes === USUAL_PAGE_BYTES) return [good(check, size)];
  return [
    warning(
      check,
      `${size}: programs that were built for 4 KiB alone end at once ("Unsupported system page size")`,
      isRaspberryPi
        ? "use images for such pages, or put kernel=kernel8.img into /boot/firmware/config.txt, then reboot"
        : "use images for such pages, or a kernel with pages of 4 KiB",
    ),
  ];
}

export interface Controllers {
  /** The whole machine's; null: it has no cgroup v2. */
  readonly kernel: string | null;
  /** The user's own manager's; null: it cannot be read. */
  readonly user: string | null;
  readonly isRaspberryPi: boolean;
}

export function checkControllers({ kernel, user, isRaspberryPi }: Controllers): Finding {
  const check = "controllers";
  if (kernel === null)
    return bad(check, "the machine has no cgroup v2", "add systemd.unified_cgroup_hierarchy=1 to the kernel's command line, then reboot");
  const has = (text: string, name: string): boolean => text.split(/\s+/).includes(name);
  const absent = ["memory", "cpu", "pids"].filter((name) => !has(kernel, name));
  if (absent.includes("memory") && isRaspberryPi) {
    return warning(
      check,
      "the memory controller is off, as Raspberry Pi OS has it: limits of memory are not enforced",
      "sudo sed -i '1s/$/ cgroup_enable=memory/' /boot/firmware/cmdline.txt && sudo reboot",
    );
  }
  if (absent.length > 0)
    return warning(
      check,
      `the kernel offers no ${absent.join(", ")}: such limits of a Score are not enforced`,
      "add cgroup_enable=memory to the kernel's command line, or take a kernel that has them; then reboot",
    );
  const undelegated = user === null ? [] : ["memory", "cpu", "pids"].filter((name) => !has(user, name));
  if (undelegated.length > 0)
    return warning(
      check,
      `${undelegated.join(", ")} are not delegated to the user: such limits of a Score are not enforced`,
      "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload, then reboot",
    );
  return good(check, "memory, cpu and pids, delegated");
}

const UNDERVOLTAGE_NOW = 0x1;
const THROTTLED_NOW = 0x4;
const UNDERVOLTAGE_EVER = 0x10000;
const THROTTLED_EVER = 0x40000;

/**
 * `text`: what `vcgencmd get_throttled` prints, or the firmware's own number; null: this is no
 * Raspberry Pi.
 */
export function checkPower(text: string | null): Finding | null {
  const digits = /^(?:throttled=)?(?:0x)?([\da-f]+)$/i.exec((text ?? "").trim())?.[1];
  if (digits === undefined) return null;
  const number = Number.parseInt(digits, 16);
  const supply = "use a power supply made for this board, and a short cable";
  if ((number & UNDERVOLTAGE_NOW) !== 0) return bad("power", "the voltage is too low now: files get damaged and the board resets", supply);
  if ((number & THROTTLED_NOW) !== 0)
    return warning("power", "the processor is slowed down now, since it is too hot", "give it air or a cooler");
  if ((number & UNDERVOLTAGE_EVER) !== 0) return warning("power", "the voltage was too low since the last boot", supply);
  if ((number & THROTTLED_EVER) !== 0)
    return warning("power", "the processor was slowed down since the last boot, since it was too hot", "give it air or a cooler");
  return good("power", "no undervoltage and no throttling since the last boot");
}

export function checkLowPorts(text: string | null): Finding {
  const first = Number(text ?? 1_024);
  if (first <= 80) return good("ports", `from ${first} on are open to containers`);
  return warning(
    "ports",
    `below ${first} are closed to rootless containers`,
    "echo net.ipv4.ip_unprivileged_port_start=80 | sudo tee /etc/sysctl.d/60-iot-agent.conf && sudo sysctl --system",
  );
}
