// The files around a conversion: the Compose file itself, and those beside it that its services
// mount.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { UserError } from "@harmony/runtime";
import { isDnsLabel } from "@harmony/schema";
import { type YamlValue, YamlReader } from "@iot/workload-files";
import type { Beside, TextFile } from "./beside.ts";
import { type Converted, convertComposeValue } from "./convert-compose.ts";
import { readEnvFile } from "./variables.ts";
import { whyNotRead } from "../command-line/why-not-read.ts";

const BESIDE_LIMIT_BYTES = 64 * 1024;
/** Of a folder that becomes files of the Score. */
const FOLDER_FILES = 32;
const COMPOSE_LIMIT_BYTES = 256 * 1024;

/** @throws UserError for what cannot be read or is no Compose file. */
export async function convertComposeFile(file: string, device: string): Promise<Converted> {
  if (!isDnsLabel(device)) throw new UserError(`--device ${device}: a device's id is a DNS label (at most 63 of a-z, 0-9 and -)`);
  const read = await readYaml(file);
  const folder = dirname(resolve(file));
  const readBeside = (path: string): Beside => besideAt(resolve(folder, path));
  const dotEnv = readBeside(".env");
  const { variables } = readEnvFile(dotEnv.kind === "text" ? dotEnv.text : "");
  return convertComposeValue(read, { file, name: basename(folder), device, readBeside, variables });
}

async function readYaml(file: string): Promise<YamlValue> {
  const content = await readFile(file).catch((cause: unknown) => {
    throw new UserError(`cannot read ${file}: ${whyNotRead(cause)}`, 1, { cause });
  });
  if (content.byteLength > COMPOSE_LIMIT_BYTES) {
    const kib = Math.ceil(content.byteLength / 1024);
    throw new UserError(`${file} has ${kib} KiB: at most ${COMPOSE_LIMIT_BYTES / 1024} KiB are converted, split it`);
  }
  await using reader = new YamlReader();
  return await reader.readValue({ path: file, content });
}

function besideAt(path: string): Beside {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return { kind: "none" };
  if (stats.isDirectory()) return { kind: "folder", files: filesIn(path) };
  const file = readText(path);
  return file === null ? { kind: "other" } : { kind: "text", ...file };
}

/** null: some are no small texts, or they are too many. */
function filesIn(folder: string): ReadonlyMap<string, TextFile> | null {
  const files = new Map<string, TextFile>();
  let characters = 0;
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isDirectory()) continue;
      const path = join(entry.parentPath, entry.name);
      const file = entry.isFile() && files.size < FOLDER_FILES ? readText(path) : null;
      characters += file?.text.length ?? 0;
      if (file === null || characters > BESIDE_LIMIT_BYTES) return null;
      files.set(relative(folder, path), file);
    }
  } catch {
    return null;
  }
  return files;
}

function readText(path: string): TextFile | null {
  try {
    const { size, mode } = statSync(path);
    if (size > BESIDE_LIMIT_BYTES) return null;
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(path)), isProgram: (mode & 0o100) !== 0 };
  } catch {
    return null;
  }
}
