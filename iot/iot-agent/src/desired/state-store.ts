// The desired state as it was last taken, on disk, so that the device goes on from it after a power
// cut without a network. A file that cannot be read is never fatal: it is kept under another name
// and logged, since NATS and the Topology say it all again.

import { join } from "node:path";
import { type Log, readDurably, writeFileDurably } from "@harmony/runtime";
import { DnsLabel, parseJson } from "@harmony/schema";
import { ManifestEntry } from "@iot/contracts";
import * as z from "zod/mini";
import { RemovedName } from "./removed-before.ts";

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
  /** A manifest or a person said so. The record goes when nothing of the deployment is left. */
  removing: z.boolean(),
  /** The last manifest that was read does not name it, and does not say that it is to go. */
  unnamed: z.optional(z.boolean()),
  /** The device's id when it was sent this, until a manifest of the present id names it. */
  was: z.optional(z.string()),
});
export type DeploymentRecord = z.output<typeof DeploymentRecord>;

/** It stays by the rule that only a deletion removes it. */
export function isNotNamed({ unnamed, was }: DeploymentRecord): boolean {
  return unnamed === true || was !== undefined;
}

export const SavedState = z.looseObject({
  format: z.literal(1),
  device: z.string(),
  manifest: z.nullable(z.looseObject({ revision: z.int(), writtenAt: z.string() })),
  deployments: z.record(DnsLabel, DeploymentRecord),
  /**
   * The last names that were removed, the oldest first. Absent: none, or an agent of 0.1 wrote it.
   */
  removed: z.optional(z.array(RemovedName)),
});
export type SavedState = z.output<typeof SavedState>;

export const STATE_FILE = "desired-state.json";

export class StateStore {
  readonly folder: string;
  readonly #log: Log;
  #writing: Promise<void> = Promise.resolve();
  #next: { state: SavedState; readonly written: Promise<void> } | null = null;

  constructor(options: { readonly folder: string; readonly log: Log }) {
    this.folder = options.folder;
    this.#log = options.log;
  }

  /**
   * Null: nothing was saved, or it cannot be read. What was saved under another device id is kept,
   * and each record says under which.
   */
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
        if (owner === device) return read.value;
        this.#log.warn(
          "the device has another id than before; what it was given to run stays, until a manifest or a person says otherwise",
          {
            was: owner,
            device,
          },
        );
        return underId(read.value, device);
      }
    }
  }

  /**
   * Writes are in the order of the calls. Those that wait for a write under way are one, of the
   * last state. @throws the file system's error.
   */
  save(state: SavedState): Promise<void> {
    if (this.#next === null) {
      const written = this.#writing.then(() => this.#write());
      this.#writing = written.catch(() => undefined);
      this.#next = { state, written };
    } else this.#next.state = state;
    return this.#next.written;
  }

  async #write(): Promise<void> {
    const state = this.#next?.state;
    this.#next = null;
    await writeFileDurably(this.#path(), JSON.stringify(state));
  }

  #logUnused(why: string, keptAs: string): null {
    this.#log.warn("the saved desired state is not used; what runs stays, and NATS says it again", { why, keptAs });
    return null;
  }

  #path(): string {
    return join(this.folder, STATE_FILE);
  }
}

/** The manifest was that of another id. */
function underId({ device: owner, deployments, ...saved }: SavedState, device: string): SavedState {
  const records = Object.entries(deployments).map(([name, { was = owner, ...record }]): [string, DeploymentRecord] => [
    name,
    was === device ? record : { ...record, was },
  ]);
  return { ...saved, device, manifest: null, deployments: Object.fromEntries(records) };
}
