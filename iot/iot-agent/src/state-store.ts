// The desired state as it was last taken, on disk, so that the device goes on from it after a power cut without a network. One file,
// written beside its place, fsynced, renamed into it, and the folder fsynced: it is there whole, as the old or the new. A file that
// cannot be read is kept under another name and told, never fatal: NATS and the Topology itself say it all again.

import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatIssues } from "@harmony/core";
import type { Log } from "@harmony/runtime";
import { DnsLabel, parseJson } from "@harmony/schema";
import { ManifestEntry } from "@iot/contracts";
import * as z from "zod/mini";

const ScoreInHand = z.looseObject({ revision: z.int(), scoreString: z.string() });
export type ScoreInHand = z.output<typeof ScoreInHand>;

export const DeploymentRecord = z.looseObject({
  /** As the last manifest that named it had it. */
  entry: ManifestEntry,
  /** The Score in hand, which may be of an older revision than the entry names; null: none was read yet. */
  score: z.nullable(ScoreInHand),
  /** The last Score that its variant took. It stays in force while the one in hand is rejected. */
  accepted: z.optional(ScoreInHand),
  /** A manifest said so; the record goes when nothing of it is left. */
  removing: z.boolean(),
});
export type DeploymentRecord = z.output<typeof DeploymentRecord>;

export const SavedState = z.looseObject({
  format: z.literal(1),
  device: z.string(),
  manifest: z.nullable(z.looseObject({ revision: z.int(), writtenAt: z.string() })),
  deployments: z.record(DnsLabel, DeploymentRecord),
});
export type SavedState = z.output<typeof SavedState>;

const FILE = "desired-state.json";

export class StateStore {
  readonly #folder: string;
  readonly #log: Log;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: { readonly folder: string; readonly log: Log }) {
    this.#folder = options.folder;
    this.#log = options.log;
  }

  /** null: nothing was saved, or not for this device, or it cannot be read. */
  async load(device: string): Promise<SavedState | null> {
    let bytes: Uint8Array;
    try {
      bytes = await readFile(this.#path());
    } catch (error) {
      if (!isAbsent(error)) this.#log.error("cannot read the saved desired state; going on without it", { file: this.#path(), error });
      return null;
    }
    const parsed = parseJson(SavedState, bytes);
    if (!parsed.ok) return this.#keepAside("corrupt", formatIssues(parsed.issues));
    if (parsed.value.device !== device) return this.#keepAside(`of-${parsed.value.device}`, `it is of device "${parsed.value.device}"`);
    return parsed.value;
  }

  /** Writes are in the order of the calls. @throws the file system's error. */
  async save(state: SavedState): Promise<void> {
    const text = JSON.stringify(state);
    const write = this.#writing.then(() => this.#write(text));
    this.#writing = write.catch(() => undefined);
    await write;
  }

  async #write(text: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.#path()}.new`;
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path());
    const folder = await open(dirname(this.#path()), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async #keepAside(suffix: string, why: string): Promise<null> {
    const aside = `${this.#path()}.${suffix}`;
    await rename(this.#path(), aside).catch(() => undefined);
    this.#log.warn("the saved desired state is not used; what runs stays, and NATS tells it again", { why, keptAs: aside });
    return null;
  }

  #path(): string {
    return join(this.#folder, FILE);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
