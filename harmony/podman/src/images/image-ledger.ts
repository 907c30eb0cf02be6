// Records facts about images that are needed after a power cut and that Podman does not keep: which
// pulls were under way (their layers may be recorded as whole and lie on the disk in part), and
// which images the agent pulled (an image that a person brought is not the agent's to remove). It
// is one small file. If it is lost, images that were pulled before are never pruned, which errs on
// the safe side.

import { join } from "node:path";
import { parseJson } from "@harmony/schema";
import { readDurably } from "@harmony/runtime";
import * as z from "zod/mini";
import { store, type StorageOptions, taken } from "../store/stored-file.ts";

const Pulled = z.looseObject({
  atMs: z.number(),
  /** The references under which it was pulled; a person gave any other name. */
  references: z.array(z.string()),
});
export type Pulled = z.output<typeof Pulled>;

const Ledger = z.looseObject({
  /** The boot during which the pull began, by reference. */
  pulling: z.record(z.string(), z.string()),
  pulled: z.record(z.string(), Pulled),
});
type Ledger = z.output<typeof Ledger>;

/** `none`: no pull of it is unfinished. `cut`: a pull was under way when the power went. */
export type PullState = "none" | "begun" | "cut";

export interface ImageLedger {
  pullState(reference: string): Promise<PullState>;
  pullBegins(reference: string): Promise<void>;
  /** Records that the pulled image is on the disk. `id`: null if the reference named it before. */
  pullEnds(reference: string, id: string | null, nowMs: number): Promise<void>;
  /** The pulled images, by image id. */
  pulled(): Promise<Readonly<Record<string, Pulled>>>;
  /** Treats the image from here on as if a person had brought it. */
  forget(id: string): Promise<void>;
}

export interface ImageLedgerOptions extends StorageOptions {
  readonly bootId: string;
}

/** Every call @throws StorageError. */
export function openImageLedger({ folder, bootId, onCorrupt }: ImageLedgerOptions): ImageLedger {
  const path = join(folder, "images.json");
  const read = async (): Promise<Ledger> => {
    const found = await readDurably(path, (bytes) => parseJson(Ledger, bytes));
    return taken(path, found, onCorrupt) ?? { pulling: {}, pulled: {} };
  };
  let known: Promise<Ledger> | undefined;
  const ledger = (): Promise<Ledger> =>
    (known ??= read().catch((error: unknown) => {
      known = undefined;
      throw error;
    }));
  let last: Promise<unknown> = Promise.resolve();
  /** Changes run one after the other, each on the result of the one before. */
  const change = (edit: (before: Ledger) => Ledger): Promise<void> => {
    const done = last.then(async () => {
      const before = await ledger();
      const after = edit(before);
      if (JSON.stringify(after) === JSON.stringify(before)) return;
      await store(path, `${JSON.stringify(after)}\n`);
      known = Promise.resolve(after);
    });
    last = done.catch(() => undefined);
    return done;
  };
  return {
    pullState: async (reference) => {
      const begun = (await ledger()).pulling[reference];
      return begun === undefined ? "none" : begun === bootId ? "begun" : "cut";
    },
    // A pull that was cut stays so: its partial layers still exist.
    pullBegins: (reference) => change((before) => ({ ...before, pulling: { [reference]: bootId, ...before.pulling } })),
    pullEnds: (reference, id, nowMs) =>
      change(({ pulling: { [reference]: _, ...pulling }, pulled, ...rest }) => ({
        ...rest,
        pulling,
        pulled:
          id === null
            ? pulled
            : { ...pulled, [id]: { atMs: nowMs, references: [...new Set([...(pulled[id]?.references ?? []), reference])].toSorted() } },
      })),
    pulled: async () => (await ledger()).pulled,
    forget: (id) => change(({ pulled: { [id]: _, ...pulled }, ...rest }) => ({ ...rest, pulled })),
  };
}
