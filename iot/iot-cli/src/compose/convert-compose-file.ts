// The files around a conversion: the Compose file itself, and those beside it that its services
// mount.

import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "@harmony/runtime";
import { isDnsLabel } from "@harmony/schema";
import { type YamlValue, YamlReader } from "@iot/workload-files";
import { type Converted, convertComposeValue } from "./convert-compose.ts";

const BESIDE_LIMIT_BYTES = 64 * 1024;
const COMPOSE_LIMIT_BYTES = 256 * 1024;

/** @throws UserError for what cannot be read or is no Compose file. */
export async function convertComposeFile(file: string, device: string): Promise<Converted> {
  if (!isDnsLabel(device)) throw new UserError(`--device ${device}: a device's id is a DNS label (at most 63 of a-z, 0-9 and -)`);
  const read = await readYaml(file);
  const folder = dirname(resolve(file));
  return convertComposeValue(read, { file, name: basename(folder), device, readBeside: (path) => readText(join(folder, path)) });
}

async function readYaml(file: string): Promise<YamlValue> {
  const content = await readFile(file).catch((cause: unknown) => {
    throw new UserError(`cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, 1, { cause });
  });
  if (content.byteLength > COMPOSE_LIMIT_BYTES) {
    const kib = Math.ceil(content.byteLength / 1024);
    throw new UserError(`${file} has ${kib} KiB: at most ${COMPOSE_LIMIT_BYTES / 1024} KiB are converted, split it`);
  }
  await using reader = new YamlReader();
  return await reader.readValue({ path: file, content });
}

function readText(path: string): string | null {
  try {
    const { size } = statSync(path);
    const isFit = size <= BESIDE_LIMIT_BYTES;
    return isFit ? new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)) : null;
  } catch {
    return null;
  }
}
