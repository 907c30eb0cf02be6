// What a Compose service mounts: volumes, files beside the Compose file, paths of the host,
// secrets, configs. A file beside it becomes a file of the Score, since a device has no such
// folder.

import { posix } from "node:path";
import { lookUp } from "@harmony/schema";
import { size } from "./compose-values.ts";
import { type ComposeMap, isMap, listOf, mapOf, take, type Tell, tellOthers, textOf, truthOf } from "./notes.ts";

/**
 * Text of a file beside the Compose file; null: there is none, it is a folder, too large or no
 * text.
 */
export type ReadBeside = (path: string) => string | null;

export interface MountContext {
  readonly compose: ComposeMap;
  readonly service: string;
  readonly readBeside: ReadBeside;
  readonly tell: Tell;
}

export interface Mounts {
  readonly volumes: string[];
  /** What lies below /dev, which no volume can open. */
  readonly devices: string[];
  readonly tmpfs: string[];
  readonly files: { path: string; content: string; mode?: string }[];
  readonly secrets: { name: string; path?: string }[];
  /** It has the device's /etc/localtime, in place of which stands the variable TZ. */
  isLocalTime: boolean;
}

export function mountsOf(service: ComposeMap, context: MountContext): Mounts {
  const mounts: Mounts = { volumes: [], devices: [], tmpfs: [], files: [], secrets: [], isLocalTime: false };
  const at = `services.${context.service}`;
  listOf(service["volumes"]).forEach((volume, index) => addVolume(volume, `${at}.volumes[${index}]`, mounts, context));
  listOf(service["tmpfs"]).forEach((one, index) => {
    const text = textOf(one);
    if (text === null) context.tell(`${at}.tmpfs[${index}]`, "is not taken over");
    else mounts.tmpfs.push(text);
  });
  listOf(service["secrets"]).forEach((secret, index) => addSecret(secret, `${at}.secrets[${index}]`, mounts, context));
  listOf(service["configs"]).forEach((config, index) => addConfig(config, `${at}.configs[${index}]`, mounts, context));
  return mounts;
}

interface VolumeParts {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

function addVolume(volume: unknown, path: string, mounts: Mounts, context: MountContext): void {
  const { tell } = context;
  if (!isMap(volume)) {
    const parts = /^(?:([^:]+):)?(\/[^:]*)(?::([\w,]+))?$/.exec(textOf(volume) ?? "");
    if (parts === null) return tell(path, "is of a form that is not known: it is not taken over");
    const options = (parts[3] ?? "").split(",").filter((option) => option !== "" && option !== "rw" && option !== "ro");
    if (options.length > 0) tell(path, `the options ${options.join(", ")} are not taken over`);
    return addMount({ source: parts[1] ?? "", target: parts[2] ?? "", readOnly: /\bro\b/.test(parts[3] ?? "") }, path, mounts, context);
  }
  const [type, source, target] = [volume["type"], volume["source"], volume["target"]].map((value) => textOf(value) ?? "");
  if (target === undefined || target === "") return tell(path, "has no target: it is not taken over");
  tellOthers(volume, new Set(["type", "source", "target", "read_only", "tmpfs"]), path, tell);
  if (type === "tmpfs") {
    const options = mapOf(volume["tmpfs"]);
    tellOthers(options, new Set(["size"]), `${path}.tmpfs`, tell);
    const limit = take(options["size"], size, `${path}.tmpfs.size`, tell);
    mounts.tmpfs.push(limit === undefined ? target : `${target}:size=${limit.replace(/i$/, "").toLowerCase()}`);
  } else if (type === "volume" || type === "bind")
    addMount(
      { source: source ?? "", target, readOnly: take(volume["read_only"], truthOf, `${path}.read_only`, tell) === true },
      path,
      mounts,
      context,
    );
  else tell(path, `is of the type ${type === "" ? "none" : type}: it is not taken over`);
}

/** Below /dev, and memory or a socket. */
const NO_DEVICES = /^\/dev\/(shm|mqueue|hugepages|log)(\/|$)/;

function addMount({ source, target, readOnly }: VolumeParts, path: string, mounts: Mounts, context: MountContext): void {
  const { compose, service, readBeside, tell } = context;
  const mode = readOnly ? ":ro" : "";
  if (/\/(docker|podman)\.sock$/.test(source))
    return tell(path, "is the socket of the container engine, which is the whole device: it is not taken over");
  if (source === "/etc/localtime" || source === "/etc/timezone") {
    mounts.isLocalTime = true;
    return tell(path, "has become the variable TZ with the device's time zone; an image without time zones (tzdata) goes by UTC");
  }
  if (source === "/dev") return tell(path, "is every device there is: it is not taken over; name those that it needs in `devices`");
  if (source.startsWith("/dev/") && !NO_DEVICES.test(source)) {
    const node = source.replace(/\/+$/, "");
    mounts.devices.push(node === target ? node : `${node}:${target}`);
    return tell(
      path,
      `has become an entry of \`devices\`, since a volume opens no device; the device's policy has to allow it: devices = [${JSON.stringify(node)}] under [policy] in its config.toml`,
    );
  }
  if (source.startsWith("/")) {
    tell(
      path,
      `is a path of the device, which its policy has to allow: host_paths = [${JSON.stringify(`${source}${mode}`)}] under [policy] in its config.toml`,
    );
    return void mounts.volumes.push(`${source === "/" ? "/" : source.replace(/\/+$/, "")}:${target}${mode}`);
  }
  if (/^[.~]/.test(source)) {
    const content = source.startsWith("~") ? null : readBeside(source);
    if (content === null) {
      return tell(
        path,
        `${source} is beside this file, where no device has it, and is no text of at most 64 KiB: put it into the image, or on the device and name its path there`,
      );
    }
    if (!readOnly) tell(path, `${source} has become a file of the Score, which the container cannot write to`);
    return void mounts.files.push({ path: target, content });
  }
  const name = source === "" ? `${service}${target}`.replaceAll(/[^a-zA-Z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "") : source;
  if (source === "") tell(path, `has no name in Compose: its volume is called ${name}`);
  const declared = mapOf(lookUp(mapOf(compose["volumes"]), name));
  tellOthers(declared, new Set(), `volumes.${name}`, tell);
  mounts.volumes.push(`${name}:${target}${mode}`);
}

function addSecret(secret: unknown, path: string, mounts: Mounts, { compose, tell }: MountContext): void {
  const { source, target, others } = grant(secret);
  if (source === "") return tell(path, "names no secret: it is not taken over");
  for (const key of others) tell(`${path}.${key}`, "is not taken over: every user in the container can read a secret, and nobody else");
  const origin = Object.keys(mapOf(lookUp(mapOf(compose["secrets"]), source)))[0];
  tell(
    path,
    `its value${origin === "file" ? ` (${textOf(mapOf(lookUp(mapOf(compose["secrets"]), source))["file"]) ?? ""})` : ""} has to be on each device as /etc/iot-agent/secrets/${source}`,
  );
  const mounted = target === "" ? `/run/secrets/${source}` : posix.resolve("/run/secrets", target);
  mounts.secrets.push(mounted === `/run/secrets/${source}` ? { name: source } : { name: source, path: mounted });
}

function addConfig(config: unknown, path: string, mounts: Mounts, { compose, readBeside, tell }: MountContext): void {
  const { source, target, mode, others } = grant(config);
  const declared = mapOf(lookUp(mapOf(compose["configs"]), source));
  const file = textOf(declared["file"]);
  const content = textOf(declared["content"]) ?? (file === null ? null : readBeside(file));
  if (content === null) return tell(path, `the content of config ${source} is not known: write it into files of the service`);
  for (const key of others.filter((one) => one !== "mode")) tell(`${path}.${key}`, "is not taken over");
  mounts.files.push({ path: target === "" ? `/${source}` : posix.resolve("/", target), content, ...(mode === null ? {} : { mode }) });
}

/** Compose's word for a service's use of a secret or config. */
function grant(value: unknown): { source: string; target: string; mode: string | null; others: string[] } {
  if (!isMap(value)) return { source: textOf(value) ?? "", target: "", mode: null, others: [] };
  const others = Object.keys(value).filter((key) => key !== "source" && key !== "target");
  const bits = value["mode"];
  const mode = typeof bits === "number" ? `0${bits.toString(8)}` : textOf(bits);
  return { source: textOf(value["source"]) ?? "", target: textOf(value["target"]) ?? "", mode, others };
}
