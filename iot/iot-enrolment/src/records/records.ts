// The documents of both buckets, and the one place that writes them. Deeds are carried out one after
// the other: a plan is made from what is held, and its writes are made in order, each by a
// compare-and-set. When somebody else wrote meanwhile, all is read again and the plan made anew. What
// was written here is seen at once, before the bucket reports it.

import type { Parsed } from "@harmony/core";
import type { Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { Bootstrap, DeviceCode, DeviceRecord, EnrolmentRecord, Person, SerialRow } from "@iot/identity";
import { type Messaging, MessagingError } from "@iot/messaging";
import type { Held, Plan, Stored, Write } from "../plan/held.ts";
import { FollowedBucket } from "./followed-bucket.ts";
import { RecordKind } from "./record-kind.ts";

const TRIES = 5;

export interface RecordsOptions {
  readonly messaging: Messaging;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly replicas?: number | undefined;
}

export class Records implements Held {
  readonly #buckets: Readonly<Record<Write["bucket"], FollowedBucket>>;
  readonly #signal: AbortSignal;
  readonly #requests: RecordKind<EnrolmentRecord>;
  readonly #devices: RecordKind<DeviceRecord>;
  readonly #bootstraps: RecordKind<Bootstrap>;
  readonly #codes: RecordKind<DeviceCode>;
  readonly #serials: RecordKind<SerialRow>;
  readonly #persons: RecordKind<Person>;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(buckets: Readonly<Record<Write["bucket"], FollowedBucket>>, { signal, log }: RecordsOptions) {
    this.#buckets = buckets;
    this.#signal = signal;
    const kind = <Document>(prefix: string, parse: (text: string) => Parsed<Document>): RecordKind<Document> =>
      new RecordKind(buckets.enrolments, {
        prefix,
        parse,
        onUnreadable: (key, why) => log.warn("a record cannot be read", { key, why }),
      });
    this.#requests = kind("request.", (text) => parseJson(EnrolmentRecord, text));
    this.#devices = kind("device.", (text) => parseJson(DeviceRecord, text));
    this.#bootstraps = kind("bootstrap.", (text) => parseJson(Bootstrap, text));
    this.#codes = kind("code.", (text) => parseJson(DeviceCode, text));
    this.#serials = kind("serial.", (text) => parseJson(SerialRow, text));
    this.#persons = kind("person.", (text) => parseJson(Person, text));
  }

  /** @throws MessagingError, or the signal's reason. */
  static async open(options: RecordsOptions): Promise<Records> {
    const enrolments = await FollowedBucket.open("enrolments", options);
    const grants = await FollowedBucket.open("grants", options);
    return new Records({ enrolments, grants }, options);
  }

  /** Waits for the deeds before it. @throws MessagingError when NATS does not take what was planned. */
  carryOut<Answer>(plan: () => Plan<Answer>): Promise<Plan<Answer>> {
    const done = this.#last.then(() => this.#carryOut(plan));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #carryOut<Answer>(plan: () => Plan<Answer>): Promise<Plan<Answer>> {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const planned = plan();
      if (planned.kind === "refused" || (await this.#write(planned.writes))) return planned;
      await Promise.all(Object.values(this.#buckets).map((bucket) => bucket.readAgain(this.#signal)));
    }
    throw new MessagingError("Refused", `somebody else writes the same documents: it was tried ${TRIES} times`);
  }

  /** false: another has written meanwhile. */
  async #write(writes: readonly Write[]): Promise<boolean> {
    for (const write of writes) if (!(await this.#buckets[write.bucket].write(write))) return false;
    return true;
  }

  /**
   * A grant is another than before, by whomever; `isLost`: it is gone. Of a device that was forgotten
   * here there is nothing to repair then.
   */
  onGrant(callback: (key: string, isLost: boolean) => void): void {
    this.#buckets.grants.onChange((key, text) => callback(key, text === null));
  }

  /** Why what is held may be old; null: it is current. */
  problem(): string | null {
    return this.#buckets.enrolments.problem() ?? this.#buckets.grants.problem();
  }

  /** Codes, requests and devices come and go. @throws MessagingError */
  async purgeMarkers(olderThanMs: number, signal: AbortSignal): Promise<number> {
    const purged = await Promise.all(Object.values(this.#buckets).map((bucket) => bucket.purgeMarkers(olderThanMs, signal)));
    return purged.reduce((sum, count) => sum + count, 0);
  }

  async close(): Promise<void> {
    await this.#last;
    await Promise.all(Object.values(this.#buckets).map((bucket) => bucket.close()));
  }

  request(code: string): Stored<EnrolmentRecord> {
    return this.#requests.one(code);
  }
  device(id: string): Stored<DeviceRecord> {
    return this.#devices.one(id);
  }
  bootstrap(name: string): Stored<Bootstrap> {
    return this.#bootstraps.one(name);
  }
  code(digest: string): Stored<DeviceCode> {
    return this.#codes.one(digest);
  }
  serial(digest: string): Stored<SerialRow> {
    return this.#serials.one(digest);
  }
  person(name: string): Stored<Person> {
    return this.#persons.one(name);
  }
  grant(key: string): Stored<string> {
    const { revision, text } = this.#buckets.grants.at(key);
    return { revision, value: text };
  }
  requests(): readonly EnrolmentRecord[] {
    return this.#requests.all().map(({ value }) => value);
  }
  devices(): readonly DeviceRecord[] {
    return this.#devices.all().map(({ value }) => value);
  }
  bootstraps(): readonly Bootstrap[] {
    return this.#bootstraps.all().map(({ value }) => value);
  }
  codes(): readonly { readonly digest: string; readonly code: DeviceCode }[] {
    return this.#codes.all().map(({ name, value }) => ({ digest: name, code: value }));
  }
  serials(): readonly { readonly digest: string; readonly row: SerialRow }[] {
    return this.#serials.all().map(({ name, value }) => ({ digest: name, row: value }));
  }
  persons(): readonly Person[] {
    return this.#persons.all().map(({ value }) => value);
  }
}
