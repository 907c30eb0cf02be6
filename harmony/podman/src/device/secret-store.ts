// Repairs Podman's own files of secrets: `secrets.json` lists them, `filedriver/secretsdata.json`
// has their values. Podman writes both in place, so a power cut can leave files that it cannot
// read. It can then neither make nor start a container that has a secret. It can neither use nor
// remove a secret that is listed and has no value. This file finds and repairs both. The ordinary
// plan then adds the agent's own secrets again. Readable content is never lost, since other secrets
// of this user are in there too.

import { access, constants, link, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileDurably } from "@harmony/runtime";
import { lookUp, parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import { isSecretOfAgent } from "../model/inputs.ts";
import type { SecretStoreFact } from "../model/input-facts.ts";

/** null: the file does not exist, which to Podman is an empty one. */
export interface StoreFiles {
  readonly list: string | null;
  readonly data: string | null;
}

export interface StoreRepair {
  readonly file: typeof LIST | typeof DATA;
  readonly text: string;
  /** The present content cannot be read, and is kept beside the file. */
  readonly isUnreadable: boolean;
}

const LIST = "secrets.json";
const DATA = "filedriver/secretsdata.json";
/** The list has its maps, without which Podman's next write ends in a panic. */
const EMPTY_LIST = { secrets: {}, nameToID: {}, idToName: {} };

// The schemas require no more than Podman does: content that Podman reads must not count as
// damaged.
const List = z.looseObject({
  secrets: z.catch(z.record(z.string(), z.looseObject({ name: z.string(), driver: z.string() })), {}),
  nameToID: z.catch(z.record(z.string(), z.string()), {}),
  idToName: z.catch(z.record(z.string(), z.string()), {}),
});
const Data = z.record(z.string(), z.unknown());

/**
 * The repairs, in the order in which they are to be made: broken off between two, the rest is found
 * again. Pure.
 */
export function repairsOf({ list, data }: StoreFiles): StoreRepair[] {
  const listed = parseJson(List, list ?? JSON.stringify(EMPTY_LIST));
  const stored = parseJson(Data, data ?? "{}");
  const ofData: StoreRepair[] = stored.ok ? [] : [{ file: DATA, text: "{}", isUnreadable: true }];
  if (!listed.ok) return [...ofData, { file: LIST, text: JSON.stringify(EMPTY_LIST), isUnreadable: true }];
  const { secrets, nameToID, idToName } = listed.value;
  // A person's secret stays listed, and the person has to make it again. Another driver keeps its
  // values elsewhere.
  const isLost = (id: string): boolean => {
    const secret = lookUp(secrets, id);
    if (secret === undefined || secret.driver !== "file" || !isSecretOfAgent(secret.name)) return false;
    return !stored.ok || lookUp(stored.value, id) === undefined;
  };
  if (!Object.keys(secrets).some(isLost)) return ofData;
  const rest = {
    ...listed.value,
    secrets: Object.fromEntries(Object.entries(secrets).filter(([id]) => !isLost(id))),
    nameToID: Object.fromEntries(Object.entries(nameToID).filter(([, id]) => !isLost(id))),
    idToName: Object.fromEntries(Object.entries(idToName).filter(([id]) => !isLost(id))),
  };
  return [...ofData, { file: LIST, text: JSON.stringify(rest, null, 2), isUnreadable: false }];
}

/**
 * Returns when Podman has ended its current write there, which looks like damage before it is
 * complete.
 */
export type UntilWritten = () => Promise<void>;

/** `seenAt`: the folder's path for a caller that looks at the device from outside. */
export async function lookAtSecretStore(
  folder: string,
  { seenAt = folder, untilWritten }: { readonly seenAt?: string; readonly untilWritten: UntilWritten },
): Promise<SecretStoreFact> {
  const repairs = await repairsOfStore(seenAt, untilWritten);
  if (repairs.length === 0) return { kind: "in-order" };
  const detail = repairs
    .map(({ file, isUnreadable }) => (isUnreadable ? `${file} cannot be read` : `${file} lists secrets of which the values are lost`))
    .join(", ");
  const writable = await Promise.all(repairs.map(({ file }) => isWritable(dirname(join(seenAt, file)))));
  return { kind: "damaged", folder, detail, isMendable: writable.every(Boolean) };
}

/** @throws the file system's error. */
export async function repairSecretStore(folder: string, untilWritten: UntilWritten): Promise<void> {
  for (const { file, text, isUnreadable } of await repairsOfStore(folder, untilWritten)) {
    const path = join(folder, file);
    if (isUnreadable) {
      await rm(`${path}.damaged`, { force: true });
      await link(path, `${path}.damaged`);
    }
    // The file is replaced and not just moved away: a Podman that has read a list before keeps that
    // for as long as it finds none.
    await writeFileDurably(path, text);
  }
}

/** The repairs for damage that stays. Changed since observed: none; the next pass decides. */
async function repairsOfStore(folder: string, untilWritten: UntilWritten): Promise<StoreRepair[]> {
  const before = await readStore(folder);
  const repairs = before === null ? [] : repairsOf(before);
  if (repairs.length === 0) return [];
  await untilWritten();
  const after = await readStore(folder);
  return after?.list === before?.list && after?.data === before?.data ? repairs : [];
}

/** null: the store cannot be read from here, so Podman has to report it. */
async function readStore(folder: string): Promise<StoreFiles | null> {
  try {
    // The order matters: Podman writes a secret's value before it lists it.
    const list = await readIfThere(join(folder, LIST));
    return { list, data: await readIfThere(join(folder, DATA)) };
  } catch (error) {
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}
