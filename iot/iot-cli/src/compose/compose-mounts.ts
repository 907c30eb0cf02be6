// What a Compose service mounts of volumes, files and folders. A device has no folder beside the
// file: a text becomes a file of the Score, a folder for data becomes a volume, which keeps what
// the program writes.

import { lookUp } from "@harmony/schema";
import type { TextFile } from "./beside.ts";
import { addConfig, addSecret, type GivenFile, type GrantContext } from "./compose-grants.ts";
import { size } from "./compose-values.ts";
import { type ComposeMap, isMap, listOf, mapOf, take, noteOthers, textOf, truthOf } from "./notes.ts";

/** The volumes that folders beside the file have become, by path: all services share one. */
export type Folders = Map<string, string>;

export interface MountContext extends GrantContext {
  readonly service: string;
  readonly folders: Folders;
}

export interface Mounts {
  readonly volumes: string[];
  readonly tmpfs: string[];
  readonly devices: string[];
  readonly files: GivenFile[];
  readonly secrets: { name: string; path?: string }[];
  /** It has the device's /etc/localtime, in place of which stands the variable TZ. */
  isLocalTime: boolean;
}

export function mountsOf(service: ComposeMap, context: MountContext): Mounts {
  const mounts: Mounts = { volumes: [], tmpfs: [], devices: [], files: [], secrets: [], isLocalTime: false };
  const at = `services.${context.service}`;
  const isBuilt = service["build"] !== undefined;
  listOf(service["volumes"]).forEach((volume, index) =>
    addVolume(volume, { ...context, isBuilt, path: `${at}.volumes[${index}]`, mounts }),
  );
  listOf(service["tmpfs"]).forEach((one, index) => {
    const text = textOf(one);
    if (text === null) context.note(`${at}.tmpfs[${index}]`, "is of a form that is not known: it is not taken over; write /path[:options]");
    else mounts.tmpfs.push(text);
  });
  listOf(service["secrets"]).forEach((secret, index) => mounts.secrets.push(...addSecret(secret, `${at}.secrets[${index}]`, context)));
  listOf(service["configs"]).forEach((config, index) => mounts.files.push(...addConfig(config, `${at}.configs[${index}]`, context)));
  return mounts;
}

/** One mount: its path in the file, and where it goes. */
interface Adding extends MountContext {
  /** Its image is built here, with what it needs of these folders. */
  readonly isBuilt: boolean;
  readonly path: string;
  readonly mounts: Mounts;
}

interface VolumeParts {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

function addVolume(volume: unknown, adding: Adding): void {
  const { note, path, mounts } = adding;
  if (!isMap(volume)) {
    const parts = /^(?:([^:]+):)?(\/[^:]*)(?::([\w,]+))?$/.exec(textOf(volume) ?? "");
    if (parts === null) return note(path, "is of a form that is not known: it is not taken over; write source:/path[:ro]");
    const options = (parts[3] ?? "").split(",").filter((option) => option !== "" && option !== "rw" && option !== "ro");
    if (options.length > 0) note(path, `the options ${options.join(", ")} are not taken over; a device needs none of them, leave them out`);
    return addMount({ source: parts[1] ?? "", target: parts[2] ?? "", readOnly: /\bro\b/.test(parts[3] ?? "") }, adding);
  }
  const [type = "", source = "", target = ""] = [volume["type"], volume["source"], volume["target"]].map((value) => textOf(value) ?? "");
  if (target === "") return note(path, "has no target: it is not taken over; write where it is in the container");
  noteOthers(volume, new Set(["type", "source", "target", "read_only", "tmpfs"]), path, note);
  if (type === "tmpfs") {
    const options = mapOf(volume["tmpfs"]);
    noteOthers(options, new Set(["size", "mode"]), `${path}.tmpfs`, note);
    const limit = take(options["size"], size, `${path}.tmpfs.size`, note);
    const mode = take(options["mode"], octal, `${path}.tmpfs.mode`, note);
    const all = [
      ...(limit === undefined ? [] : [`size=${limit.replace(/i$/, "").toLowerCase()}`]),
      ...(mode === undefined ? [] : [`mode=${mode}`]),
    ];
    mounts.tmpfs.push(all.length === 0 ? target : `${target}:${all.join(",")}`);
  } else if (type === "volume" || type === "bind") {
    addMount({ source, target, readOnly: take(volume["read_only"], truthOf, `${path}.read_only`, note) === true }, adding);
  } else note(path, `is of the type ${type === "" ? "none" : type}: it is not taken over; mount a volume or a path of the device`);
}

function octal(value: unknown): string | null {
  return typeof value === "number" ? value.toString(8) : (/^0?[0-7]{3,4}$/.exec(textOf(value) ?? "")?.[0] ?? null);
}

function addMount(parts: VolumeParts, adding: Adding): void {
  const { path, mounts, note } = adding;
  const { source, target, readOnly } = parts;
  const mode = readOnly ? ":ro" : "";
  if (/\/(docker|podman)\.sock$/.test(source)) {
    return note(path, "is the socket of the container engine, which is the whole device: it is not taken over; leave out what needs it");
  }
  if (source === "/etc/localtime" || source === "/etc/timezone") {
    mounts.isLocalTime = true;
    return note(path, "has become the variable TZ with the device's time zone; an image without time zones (tzdata) goes by UTC");
  }
  if (source.startsWith("/dev/")) {
    note(
      path,
      `is a device, which the device's policy has to allow: devices = [${JSON.stringify(source)}] under [policy] in its config.toml`,
    );
    return void mounts.devices.push(source === target ? source : `${source}:${target}`);
  }
  if (source.startsWith("/")) {
    note(
      path,
      `is a path of the device, which its policy has to allow: host_paths = [${JSON.stringify(`${source}${mode}`)}] under [policy] in its config.toml`,
    );
    return void mounts.volumes.push(`${source === "/" ? "/" : source.replace(/\/+$/, "")}:${target}${mode}`);
  }
  if (/^[.~]/.test(source)) addBeside(parts, adding);
  else addNamed(parts, adding);
}

function addNamed({ source, target, readOnly }: VolumeParts, { compose, service, path, mounts, note }: Adding): void {
  const name = source === "" ? nameOfPath(`${service}${target}`) : source;
  if (source === "") note(path, `has no name in Compose: its volume is called ${name}`);
  const declared = mapOf(lookUp(mapOf(compose["volumes"]), name));
  noteOthers(declared, new Set(), `volumes.${name}`, note);
  mounts.volumes.push(`${name}:${target}${readOnly ? ":ro" : ""}`);
}

function addBeside(parts: VolumeParts, adding: Adding): void {
  const { path, mounts, isBuilt, readBeside, note } = adding;
  const { source, target, readOnly } = parts;
  const elsewhere = "put it into the image, or on the device and name its path there";
  if (source.startsWith("~")) return note(path, `${source} is in a home, which no device has: ${elsewhere}`);
  const found = readBeside(source);
  if (found.kind === "text") {
    if (!readOnly) note(path, `${source} has become a file of the Score, which the container cannot write to`);
    return void mounts.files.push(fileAt(target, found));
  }
  if (found.kind === "other") return note(path, `${source} is no text of at most 64 KiB, and no device has it: ${elsewhere}`);
  if (found.kind === "none" && /\.(?!d$)\w+$/.test(target))
    return note(path, `${source} is not beside this file, and no device has it: ${elsewhere}`);
  if (
    found.kind === "folder" &&
    found.files !== null &&
    found.files.size > 0 &&
    (readOnly || isForSettings(source) || isForSettings(target))
  ) {
    note(path, `what is in ${source} has become files of the Score (${found.files.size}), which the container cannot write to`);
    return void mounts.files.push(...[...found.files].map(([name, file]) => fileAt(`${target.replace(/\/$/, "")}/${name}`, file)));
  }
  if (found.kind === "folder" && found.files?.size !== 0 && (isBuilt || /^[./]+$/.test(source))) {
    return note(path, `${source} is a folder of the desk, which no device has: put what the service needs of it into its image`);
  }
  addFolder(parts, found.kind === "folder" && found.files?.size !== 0, adding);
}

/** A folder to which the program writes: as a volume, so that what it writes is kept. */
function addFolder({ source, target, readOnly }: VolumeParts, isFilled: boolean, { compose, folders, path, mounts, note }: Adding): void {
  const folder = source.replace(/\/+$/, "");
  const isTaken = (name: string): boolean => Object.hasOwn(mapOf(compose["volumes"]), name) || [...folders.values()].includes(name);
  const plain = nameOfPath(folder) || "data";
  const name = folders.get(folder) ?? [plain, `${plain}-folder`, `${plain}-${folders.size}`].find((one) => !isTaken(one)) ?? plain;
  const around = [...folders.keys()].find(
    (other) => other !== folder && (`${folder}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${folder}/`)),
  );
  folders.set(folder, name);
  const copy = isFilled
    ? `copy what is in ${source} into it (iot-agent podman volume import)`
    : "copy into it what the program should find";
  note(
    path,
    `${source} is a folder beside this file, where no device has it: it has become the volume ${name}, which begins empty; ${copy}`,
  );
  if (around !== undefined)
    note(
      path,
      `${source} and ${around}, one within the other, are two volumes here: mount one of them, and its parts by their paths in it`,
    );
  mounts.volumes.push(`${name}:${target}${readOnly ? ":ro" : ""}`);
}

function isForSettings(path: string): boolean {
  return /^\/etc\/|conf|settings|provisioning|dashboards|rules|certs|initdb|scripts|templates/i.test(path);
}

function fileAt(path: string, { text, isProgram }: TextFile): GivenFile {
  return { path, content: text, ...(isProgram ? { mode: "0555" } : {}) };
}

function nameOfPath(path: string): string {
  return path.replaceAll(/[^a-zA-Z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
}
