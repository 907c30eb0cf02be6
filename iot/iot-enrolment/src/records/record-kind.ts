// The records of one kind in a bucket, parsed when their text is another than it was.

import { formatIssues, type Parsed } from "@harmony/core";
import type { Stored } from "../plan/held.ts";
import type { FollowedBucket } from "./followed-bucket.ts";

export interface KindOptions<Document> {
  /** What a key of this kind begins with: `device.` */
  readonly prefix: string;
  readonly parse: (text: string) => Parsed<Document>;
  /** A list goes on without what cannot be read. */
  readonly onUnreadable: (key: string, why: string) => void;
}

export class RecordKind<Document> {
  readonly #bucket: FollowedBucket;
  readonly #options: KindOptions<Document>;
  readonly #parsed = new Map<string, { readonly text: string; readonly parsed: Parsed<Document> }>();

  constructor(bucket: FollowedBucket, options: KindOptions<Document>) {
    this.#bucket = bucket;
    this.#options = options;
  }

  /** @throws Error: what stands there cannot be read, and is not written over. */
  one(name: string): Stored<Document> {
    const key = this.#options.prefix + name;
    const { revision, text } = this.#bucket.at(key);
    const parsed = text === null ? null : this.#read(key, text);
    if (parsed === null || parsed.ok) return { revision, value: parsed?.value ?? null };
    throw new Error(`the bucket enrolments holds under ${key} what cannot be read: ${formatIssues(parsed.issues)}`);
  }

  all(): { readonly name: string; readonly value: Document }[] {
    const { prefix, onUnreadable } = this.#options;
    return this.#bucket.keys(prefix).flatMap((key) => {
      const { text } = this.#bucket.at(key);
      if (text === null) return [];
      const parsed = this.#read(key, text);
      if (parsed.ok) return [{ name: key.slice(prefix.length), value: parsed.value }];
      onUnreadable(key, formatIssues(parsed.issues));
      return [];
    });
  }

  #read(key: string, text: string): Parsed<Document> {
    const known = this.#parsed.get(key);
    if (known?.text === text) return known.parsed;
    const parsed = this.#options.parse(text);
    this.#parsed.set(key, { text, parsed });
    return parsed;
  }
}
