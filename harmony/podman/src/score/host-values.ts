// The little languages of what a service uses of the device itself: host paths, device nodes,
// files, capabilities, logging. Each is a schema for the text that a person writes. policy.ts
// decides whether the device allows it. Values that no rootless container can have are refused
// here, so that a person learns it before anything is pushed.

import * as z from "zod/mini";
import { type Limits, limitOf } from "./limits.ts";
import { form, sizeUpTo, unfitPath, unfitText } from "./score-values.ts";

export type VolumeMount = {
  /** The path in the container. */
  readonly path: string;
  readonly readOnly: boolean;
} & ({ readonly kind: "volume"; readonly name: string } | { readonly kind: "hostPath"; readonly source: string });

const VOLUME_FORM = 'expected "name:/path[:ro]", e.g. "data:/var/lib/app", or a path of the device, "/srv/data:/data[:ro]"';

export const Volume = z.pipe(
  z.string({ error: `${VOLUME_FORM}, in quotes` }),
  z.transform((text: string, context): VolumeMount => {
    const refuse = (message: string): VolumeMount => {
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    };
    const unfit = unfitText(text, 2 * limitOf("pathCharacters"));
    if (unfit !== null) return refuse(unfit);
    if (/^[.~]/.test(text)) {
      return refuse('a path of the device begins with /, since a Score has no folder of its own: use "/srv/data:/data" or a named volume');
    }
    const match = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(text);
    if (match === null) return refuse(VOLUME_FORM);
    const [, source = "", path = "", mode] = match;
    const tooLong = unfitPath(path) ?? unfitPath(source);
    if (tooLong !== null) return refuse(tooLong);
    const mount = { path, readOnly: mode === "ro" };
    if (!source.startsWith("/")) {
      return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source) ? { kind: "volume", name: source, ...mount } : refuse(VOLUME_FORM);
    }
    const problem = pathProblem(source);
    return problem === null ? { kind: "hostPath", source, ...mount } : refuse(problem);
  }),
);

/**
 * The path is plain, so that a text compares with a policy's glob as the file system would read it;
 * links are looked at on the device.
 */
function pathProblem(path: string): string | null {
  const isPlain = path === "/" || path.split("/").every((part, index) => (index === 0 ? part === "" : !["", ".", ".."].includes(part)));
  return isPlain ? null : "expected a plain path: without .., . or doubled or trailing /";
}

export interface DeviceMount {
  /** The path on the device, usually a link that udev keeps. */
  readonly node: string;
  /** The path in the container. */
  readonly path: string;
}

const DEVICE_FORM = 'expected "/dev/…[:/dev/name]", e.g. "/dev/serial/by-id/usb-ACME_Meter-if00:/dev/meter"';

export const Device = z.pipe(
  z.string({ error: `${DEVICE_FORM}, in quotes` }),
  z.transform((text: string, context): DeviceMount => {
    const refuse = (message: string): DeviceMount => {
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    };
    const unfit = unfitPath(text);
    if (unfit !== null) return refuse(unfit);
    // A name under by-path holds colons of its own.
    const match = /^(\/dev\/\S+?)(?::(\/[^:\s]+))?(?::([rwm]+))?$/.exec(text);
    if (match === null) return refuse(DEVICE_FORM);
    const [, node = "", path = node, rights = "rwm"] = match;
    const problem = pathProblem(node);
    if (problem !== null) return refuse(problem);
    if (!/^(rw|rwm)$/.test(rights)) {
      return refuse("rootless Podman cannot take away the right to read or write a device: leave it out; the node's own permissions count");
    }
    return { node, path };
  }),
);

export const ContainerPath = form<string>(
  'expected an absolute path in the container, e.g. "/etc/app/app.toml"',
  (text) => (text !== "/" && text.startsWith("/") && pathProblem(text) === null ? text : null),
  unfitPath,
);

/** Permission bits. */
export const FileMode = form<number>('expected permissions in octal, e.g. "0644"', (text) =>
  /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : null,
);

/** The name of a secret is the name of its file. */
export const SecretName = form<string>("expected the name of a secret (a file's name: letters, digits, _, . and -)", (text) =>
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(text) ? text : null,
);

const CAPABILITIES: ReadonlySet<string> = new Set(
  (
    "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK " +
    "IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP " +
    "SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME " +
    "SYS_TTY_CONFIG WAKE_ALARM"
  ).split(" "),
);

const INSTEAD = "run that program on the device itself, as a systemd service";

export const REAL_TIME: string = `rootless Podman cannot give real-time priority: ${INSTEAD}, where CPUSchedulingPolicy= gives it`;

/** Capabilities that count in the first user namespace only, which no rootless container is in. */
const IMPOSSIBLE: Readonly<Record<string, string>> = {
  ALL: "is every right there is: name the ones that are needed",
  SYS_NICE: REAL_TIME,
  SYS_TIME: "rootless Podman cannot let a container set the clock: the device's own time synchronisation does that",
  SYS_MODULE: "rootless Podman cannot let a container load kernel modules: have the device load them (/etc/modules-load.d)",
  SYS_RAWIO: `rootless Podman cannot give raw access to ports and memory: use the device's node (devices, e.g. /dev/gpiochip0), or ${INSTEAD}`,
  SYS_BOOT: "rootless Podman cannot let a container reboot the device",
  IPC_LOCK: "rootless Podman cannot lift the limit of locked memory for a container: leave it out",
  MKNOD: "rootless Podman cannot let a container make device nodes: name them in devices",
};

/** Capabilities over the host's network, which belongs to the first user namespace. */
export const IMPOSSIBLE_ON_HOST_NETWORK: Readonly<Record<string, string>> = {
  NET_RAW: `rootless Podman cannot give raw Ethernet on the device's network: ${INSTEAD}, with AmbientCapabilities=CAP_NET_RAW`,
  NET_ADMIN: "rootless Podman cannot let a container change the device's network: configure it on the device",
};

function capability(text: string): string {
  return text.toUpperCase().replace(/^CAP_/, "");
}

export const CapabilityToDrop = form<string>('expected a capability, e.g. "NET_RAW", or "ALL"', (text) =>
  capability(text) === "ALL" || CAPABILITIES.has(capability(text)) ? capability(text) : null,
);

export const CapabilityToAdd = z.pipe(
  z.string({ error: 'expected a capability, e.g. "NET_ADMIN"' }),
  z.transform((text: string, context): string => {
    const name = capability(text);
    const message = IMPOSSIBLE[name] ?? (CAPABILITIES.has(name) ? null : 'expected a capability, e.g. "NET_ADMIN"');
    if (message === null) return name;
    context.issues.push({ code: "custom", message, input: text });
    return z.NEVER;
  }),
);

export interface LogConfig {
  readonly driver: "journald" | "k8s-file" | "none";
  /** Bytes; null: without a limit of its own, since the journal has one. */
  readonly maxSize: number | null;
}

export const LOG_FILE_BYTES: number = 10 * 2 ** 20;

export function logging(limits: Limits) {
  const written = z.strictObject({
    driver: z.optional(z.enum(["journald", "k8s-file", "json-file", "none"])),
    maxSize: z.optional(sizeUpTo(limits("gibibytes"))),
  });
  return z.pipe(written, asLogConfig);
}

const asLogConfig = z.transform(
  ({ driver, maxSize }: { driver?: LogConfig["driver"] | "json-file" | undefined; maxSize?: number | undefined }, context): LogConfig => {
    // json-file is Docker's name for the format that Podman calls k8s-file.
    const kind = driver === "json-file" || (driver === undefined && maxSize !== undefined) ? "k8s-file" : (driver ?? "journald");
    if (kind === "k8s-file") return { driver: kind, maxSize: maxSize ?? LOG_FILE_BYTES };
    if (maxSize === undefined) return { driver: kind, maxSize: null };
    const why = kind === "none" ? "nothing is kept" : "the device's journal has a limit of its own (SystemMaxUse= in journald.conf)";
    context.issues.push({
      code: "custom",
      message: `is for the driver k8s-file alone: ${why}`,
      path: ["maxSize"],
      input: maxSize,
    });
    return z.NEVER;
  },
);
