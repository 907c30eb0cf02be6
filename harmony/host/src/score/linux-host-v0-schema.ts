// The Score LinuxHostV0: the state that a Linux host must have before an agent is installed on it.
// Every field defaults to the value that a field device needs, so that `{}` is a whole Score; the
// Score of another device names only the differences. Hosts are Debian and its derivatives.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

/**
 * Rootless Podman needs, beside what the mission asks for, packages that apt only recommends:
 * certificates for pulls, catatonit for `init`.
 */
const PACKAGES = (
  "podman systemd-container openssh-server curl jq uidmap dbus-user-session passt slirp4netns netavark aardvark-dns nftables " +
  "ca-certificates catatonit"
).split(" ");

/** The groups that own serial ports, pins, buses and cameras. */
const GROUPS = ["dialout", "gpio", "i2c", "spi", "video"];

/** No rootless container starts without these while the cable of a static address is out. */
const PASTA_OPTIONS = ["-a", "10.0.2.0", "-n", "24", "-g", "10.0.2.2"];

const AccountName = z
  .string()
  .check(z.regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: "expected an account's name (a-z, 0-9, _ and -, first a letter or _)" }));

const PackageName = z
  .string()
  .check(z.regex(/^[a-z0-9][a-z0-9+.-]+$/, { error: "expected a Debian package's name (a-z, 0-9, +, . and -)" }));

const PublicKey = z.string().check(
  z.regex(/^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\n\r]*)?$/, {
    error: 'expected a public key as a .pub file has it, such as "ssh-ed25519 AAAA… me@laptop"',
  }),
);

const FileMode = z.string().check(z.regex(/^0[0-7]{3}$/, { error: 'expected a mode in octal as text, such as "0750"' }));

const IPV4 = /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$/;
const Ipv4Address = z.string().check(z.regex(IPV4, { error: "expected an IPv4 address, such as 192.168.1.1" }));

export const StaticAddress = z
  .strictObject({
    /** The interface; the default is the one with the default route. */
    interface: z.optional(z.string().check(z.regex(/^[A-Za-z0-9._-]{1,15}$/, { error: "expected an interface's name, such as eth0" }))),
    address: z
      .string()
      .check(
        z.refine((text) => isCidr(text), { error: "expected an IPv4 address with the length of its prefix, such as 192.168.1.20/24" }),
      ),
    gateway: Ipv4Address,
    dns: z._default(z.array(Ipv4Address), []),
  })
  .check(
    z.refine(({ address, gateway }) => !isCidr(address) || !IPV4.test(gateway) || isNeighbour(address, gateway), {
      error: "expected a gateway inside the address's own network, and another host than the address",
      path: ["gateway"],
    }),
  );
export type StaticAddress = z.output<typeof StaticAddress>;

/** The defaults that a Score takes from the application. */
export interface HostDefaults {
  /** The user who owns the containers. */
  readonly user: string;
  /** Root's folder, which that user may read: the device's identity, and its secrets. */
  readonly configFolder: string;
  readonly secretsFolder: string;
  /** That user's own folder. */
  readonly stateFolder: string;
}

export function linuxHostV0Schema(defaults: HostDefaults) {
  return z.strictObject({
    /** The default keeps the present name. */
    hostname: z.optional(DnsLabel),
    packages: z._default(z.array(PackageName), PACKAGES),
    agentUser: agentUser(defaults),
    directories: directories(defaults),
    /** The agent's user has its Podman's socket even while nobody is logged in. */
    podmanSocket: z._default(z.boolean(), true),
    containersConf: z._default(z.strictObject({ pastaOptions: z.array(z.string().check(z.regex(/^[^"\\\n]+$/))) }), {
      pastaOptions: PASTA_OPTIONS,
    }),
    /** The first port that a container may publish without root's rights. */
    unprivilegedPortStart: z._default(z.int().check(z.minimum(0), z.maximum(65_535)), 80),
    journal: z._default(Journal, { persistent: true, maxUse: "200M" }),
    timeSync: z._default(z.boolean(), true),
    /**
     * Limits on a container's memory need the kernel's memory controller, which Raspberry Pi OS
     * turns off.
     */
    memoryController: z._default(z.boolean(), true),
    staticAddress: z.optional(StaticAddress),
  });
}
export type LinuxHostV0 = z.output<ReturnType<typeof linuxHostV0Schema>>;

const Journal = z.strictObject({
  persistent: z._default(z.boolean(), true),
  maxUse: z._default(z.string().check(z.regex(/^[1-9]\d*[KMG]$/, { error: 'expected a size for journald, such as "200M"' })), "200M"),
});

function agentUser({ user }: HostDefaults) {
  return z._default(
    z.strictObject({
      name: z._default(AccountName, user),
      /** Only groups that the host has are used. */
      groups: z._default(z.array(AccountName), GROUPS),
      /** The keys of those who may log in as this user; added to the present ones. */
      authorizedKeys: z._default(z.array(PublicKey), []),
    }),
    { name: user, groups: GROUPS, authorizedKeys: [] },
  );
}

/**
 * Folders that are made if they do not exist, for the agent's user and group. A folder of root's is
 * for settings that bind that user, who may only read it.
 */
function directories({ configFolder, secretsFolder, stateFolder }: HostDefaults) {
  const error = `expected an absolute path of plain names, such as ${configFolder}`;
  const path = z.string().check(z.regex(/^(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/, { error }));
  const folder = z.strictObject({ path, mode: FileMode, owner: z._default(z.enum(["agentUser", "root"]), "agentUser") });
  return z._default(
    z
      .array(folder)
      .check(z.refine((folders) => !isRootsInAnothers(folders), { error: "expected a folder of root's where only root may write" })),
    [
      { path: configFolder, mode: "0750", owner: "root" },
      { path: secretsFolder, mode: "0750", owner: "root" },
      { path: stateFolder, mode: "0700", owner: "agentUser" },
    ],
  );
}

function isRootsInAnothers(folders: readonly { readonly path: string; readonly owner: string }[]): boolean {
  const others = ["/home", "/tmp", "/var/tmp", ...folders.flatMap(({ path, owner }) => (owner === "root" ? [] : [path]))];
  return folders.some(({ path, owner }) => owner === "root" && others.some((other) => path.startsWith(`${other}/`)));
}

function isCidr(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  return rest.length === 0 && IPV4.test(address) && /^\d{1,2}$/.test(length) && Number(length) >= 1 && Number(length) <= 32;
}

function isNeighbour(cidr: string, gateway: string): boolean {
  const [address = "", length = ""] = cidr.split("/");
  const shift = 32 - Number(length);
  const network = (text: string): number => Math.floor(toNumber(text) / 2 ** shift);
  return address !== gateway && network(address) === network(gateway);
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
