// The desired state as it was last taken, on disk, so that the device goes on from it after a power
// cut without a network. A file that cannot be read is never fatal: it is kept under another name
// and logged, since NATS and the Topology say it all again.

import { join } from "node:path";
import { keepAside, type Log, readDurably, writeFileDurably } from "@harmony/runtime";
import { DnsLabel, parseJson } from "@harmony/schema";
import { ManifestEntry } from "@iot/contracts";
import * as z from "zod/mini";

const ScoreInHand = z.looseObject({ revision: z.int(), scoreString: z.string() });
export type ScoreInHand = z.output<typeof ScoreInHand>;

export const DeploymentRecord = z.looseObject({
  /** The entry of the last manifest that named the deployment. */
  entry: ManifestEntry,
  /**
   * The Score in hand, which may be of an older revision than the entry names. Null: none was read
   * yet.
   */
  score: z.nullable(ScoreInHand),
  /** The last Score that its variant took. It stays in force while the one in hand is rejected. */
  accepted: z.optional(ScoreInHand),
  /** A manifest said so. The record goes when nothing of the deployment is left. */
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

export const STATE_FILE = "desired-state.json";

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
    const read = await readDurably(this.#path(), (bytes) => parseJson(SavedState, bytes));
    switch (read.kind) {
      case "absent":
        return null;
      case "unreadable":
        this.#log.error("cannot read the saved desired state; going on without it", { file: this.#path(), error: read.error });
        return null;
      case "corrupt":
        return this.#logUnused(read.why, read.keptAs);
      case "found": {
        const { device: owner } = read.value;
        return owner === device ? read.value : this.#logUnused(`it is of device "${owner}"`, await keepAside(this.#path(), `of-${owner}`));
      }
    }
  }

  /** Writes are in the order of the calls. @throws the file system's error. */
  async save(state: SavedState): Promise<void> {
    const text = JSON.stringify(state);
    const write = this.#writing.then(() => writeFileDurably(this.#path(), text));
    this.#writing = write.catch(() => undefined);
    await write;
  }

  #logUnused(why: string, keptAs: string): null {
    this.#log.warn("the saved desired state is not used; what runs stays, and NATS tells it again", { why, keptAs });
    return null;
  }

  #path(): string {
    return join(this.#folder, STATE_FILE);
  }
}
