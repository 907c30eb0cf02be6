// One bucket as it was heard, and ahead of it what was written here and is not heard yet.

import { canonicalJson } from "@harmony/schema";
import { type DocumentStore, type Messaging, openDocumentStore, type StoredText } from "@iot/messaging";
import type { Log } from "@harmony/runtime";
import type { Write } from "../plan/held.ts";

export interface BucketToFollow {
  readonly messaging: Messaging;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly replicas?: number | undefined;
}

/** null: it is gone. */
type Changed = (key: string, text: string | null) => void;

const NEVER: StoredText = { revision: 0, text: null };

export class FollowedBucket {
  readonly #store: DocumentStore;
  readonly #heard: Map<string, StoredText>;
  readonly #ahead: Map<string, StoredText>;

  readonly #changed: Set<Changed>;

  private constructor(store: DocumentStore, changed: Set<Changed>, heard: Map<string, StoredText>, ahead: Map<string, StoredText>) {
    this.#store = store;
    this.#changed = changed;
    this.#heard = heard;
    this.#ahead = ahead;
  }

  static async open(bucket: Write["bucket"], { messaging, log, signal, replicas }: BucketToFollow): Promise<FollowedBucket> {
    const [heard, ahead, changed] = [new Map<string, StoredText>(), new Map<string, StoredText>(), new Set<Changed>()];
    const store = await openDocumentStore(messaging, {
      bucket,
      log,
      signal,
      replicas,
      onChange: (key, stored) => {
        if (stored === null) heard.delete(key);
        else heard.set(key, stored);
        const written = ahead.get(key);
        if (stored === null || (written !== undefined && stored.revision >= written.revision)) ahead.delete(key);
        for (const callback of changed) callback(key, stored?.text ?? null);
      },
    });
    return new FollowedBucket(store, changed, heard, ahead);
  }

  /** A key is another, by whomever. */
  onChange(callback: Changed): void {
    this.#changed.add(callback);
  }

  at(key: string): StoredText {
    return this.#ahead.get(key) ?? this.#heard.get(key) ?? NEVER;
  }

  keys(prefix: string): string[] {
    return [...new Set([...this.#heard.keys(), ...this.#ahead.keys()])].filter((key) => key.startsWith(prefix));
  }

  /** false: the key is not as it was expected. */
  async write({ key, document, expected }: Write): Promise<boolean> {
    const result = document === null ? await this.#store.remove(key, expected) : await this.#store.put(key, document, expected);
    if (!result.ok) return false;
    const { revision } = result;
    const isHeard = (this.#heard.get(key)?.revision ?? 0) >= revision;
    if (!isHeard) this.#ahead.set(key, { revision, text: document === null ? null : canonicalJson(document) });
    return true;
  }

  async readAgain(signal: AbortSignal): Promise<void> {
    this.#ahead.clear();
    await this.#store.list(signal);
  }

  purgeMarkers(olderThanMs: number, signal: AbortSignal): Promise<number> {
    return this.#store.purgeMarkers(olderThanMs, signal);
  }

  problem(): string | null {
    return this.#store.problem();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
