// Podman's own files of secrets: `secrets.json` lists them, `filedriver/secretsdata.json` has their
// values. Podman writes both in place, so that a power cut leaves files that it cannot read: then
// it can neither make nor start a container that has a secret. And a secret that is listed and has
// no value it can neither use nor remove. Here it is seen and mended; what the agent put there is
// then put there again by the ordinary plan. What can be read is never lost, since other secrets of
// this user are in there too.

import { access, constants, link, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileDurably } from "@harmony/runtime";
import { lookUp, parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import { isSecretOfAgent } from "../model/inputs.ts";
import type { SecretStoreFact } from "../model/host-facts.ts";

/** null: it is not there, which to Podman is an empty one. */
export interface StoreFiles {
  readonly list: string | null;
  readonly data: string | null;
}

export interface StoreRepair {
  readonly file: typeof LIST | typeof DATA;
  readonly text: string;
  /** What is there now cannot be read, and is kept beside it. */
  readonly isUnreadable: boolean;
}

const LIST = "secrets.json";
const DATA = "filedriver/secretsdata.json";
/** With its maps, without which Podman's next write ends in a panic. */
const EMPTY_LIST = { secrets: {}, nameToID: {}, idToName: {} };

// No more is asked of them than makes them what Podman can read: what it reads is not taken for
// damaged.
const List = z.looseObject({
  secrets: z.catch(z.record(z.string(), z.looseObject({ name: z.string(), driver: z.string() })), {}),
  nameToID: z.catch(z.record(z.string(), z.string()), {}),
  idToName: z.catch(z.record(z.string(), z.string()), {}),
});
const Data = z.record(z.string(), z.unknown());

/**
 * In the order in which they are to be made: broken off between two, the rest is found again. Pure.
 */
export function repairsOf({ list, data }: StoreFiles): StoreRepair[] {
  const listed = parseJson(List, list ?? JSON.stringify(EMPTY_LIST));
  const stored = parseJson(Data, data ?? "{}");
  const ofData: StoreRepair[] = stored.ok ? [] : [{ file: DATA, text: "{}", isUnreadable: true }];
  if (!listed.ok) return [...ofData, { file: LIST, text: JSON.stringify(EMPTY_LIST), isUnreadable: true }];
  const { secrets, nameToID, idToName } = listed.value;
  // Of a person's secret it stays listed, and is the person's to make again; another driver keeps
  // its values elsewhere.
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
 * Returns when Podman has ended what it is just writing there, which in the middle of it looks like
 * damage.
 */
export type UntilWritten = () => Promise<void>;

/** `seenAt`: where it is for who looks at the device from outside. */
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
    // Not just moved away: a Podman that has read a list before holds on to that for as long as it
    // finds none.
    await writeFileDurably(path, text);
  }
}

/** Of what is damaged and stays so; else none, and the next look tells. */
async function repairsOfStore(folder: string, untilWritten: UntilWritten): Promise<StoreRepair[]> {
  const before = await readStore(folder);
  const repairs = before === null ? [] : repairsOf(before);
  if (repairs.length === 0) return [];
  await untilWritten();
  const after = await readStore(folder);
  return after?.list === before?.list && after?.data === before?.data ? repairs : [];
}

/** null: it cannot be seen from here, and Podman has to tell. */
async function readStore(folder: string): Promise<StoreFiles | null> {
  try {
    // In this order: a secret's value is written before it is listed.
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
