// The state of a host, as far as a Score is concerned: the Snapshot of LinuxHostV0.
// observe/facts.ts reads it; the planner compares it with the Score.

import * as z from "zod/mini";

const Owned = { mode: z.string(), owner: z.string(), group: z.string() };
const Addresses = z.array(z.object({ local: z.string(), prefixlen: z.int() }));

export const HostFacts = z.object({
  system: z.object({ id: z.string(), like: z.string(), version: z.string(), name: z.string() }),
  architecture: z.string(),
  hostname: z.string(),
  /** The installed packages among those that the Score wants, and some more. */
  packages: z.array(z.object({ name: z.string(), version: z.string() })),
  user: z.nullable(z.object({ uid: z.int(), home: z.string(), groups: z.array(z.string()) })),
  /** The Score's groups that the host has. */
  groups: z.array(z.string()),
  /**
   * Those who may become root, and are not in the group of the agent's user: it is what lets a
   * person ask the agent.
   */
  peopleOutside: z.array(z.string()),
  subordinateUids: z.int(),
  subordinateGids: z.int(),
  lingers: z.boolean(),
  /** In systemctl's words: `enabled`, `disabled`, `not-found`; `active`, `inactive`. */
  podmanSocket: z.object({ enabled: z.string(), active: z.string() }),
  /** `holdsForeign`: it contains a link, or a file that is not root's or that others may write. */
  folders: z.array(z.object({ path: z.string(), ...Owned, holdsForeign: z.boolean() })),
  files: z.array(z.object({ path: z.string(), ...Owned, text: z.string() })),
  /** The value in the running kernel; null: it has no such setting. */
  unprivilegedPortStart: z.nullable(z.int()),
  /**
   * The state, in systemctl's words, of sshd's service and of its socket, which Ubuntu has instead.
   */
  ssh: z.array(z.string()),
  timeSync: z.array(z.object({ unit: z.string(), enabled: z.string() })),
  controllers: z.array(z.string()),
  /** The file that Raspberry Pi's firmware gives the kernel; null: there is none. */
  commandLine: z.nullable(z.string()),
  interfaces: z.array(z.object({ ifname: z.string(), addr_info: Addresses })),
  defaultRoute: z.nullable(z.object({ gateway: z.string(), dev: z.string() })),
  /** The interfaces that each manager knows, with their state in its own words. */
  networkManager: z.array(z.object({ interface: z.string(), state: z.string() })),
  networkd: z.array(z.object({ interface: z.string(), state: z.string() })),
  hasNetplan: z.boolean(),
});
export type HostFacts = z.output<typeof HostFacts>;

/** A shell's words: who is in the group sudo, and who came here by sudo. */
export const PEOPLE =
  "$({ getent group sudo | cut -d: -f4 | tr , '\\n'; printf '%s\\n' \"${SUDO_USER:-}\"; } | grep -vx -e root -e '' | sort -u)";

/** The services that keep the time, as Debian names their units. */
export const TIME_SERVICES = ["systemd-timesyncd", "chrony", "ntpsec", "openntpd"] as const;
export const COMMAND_LINE = "/boot/firmware/cmdline.txt";
export const AUTHORIZED_KEYS = ".ssh/authorized_keys";
