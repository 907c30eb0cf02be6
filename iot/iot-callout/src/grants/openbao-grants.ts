// Grants that live in OpenBao. Each is asked for again some minutes after it was read, at the next
// login of its device, and kept in the bucket: so NATS and one callout are enough for every device
// that was ever seen.

import { type Clock, type Log, systemClock } from "@harmony/runtime";
import type { Grant, OpenBao } from "@iot/identity";
import type { DocumentStore } from "@iot/messaging";
import { type Grants, keptGrant } from "./grants.ts";
import { answered, type Answered, isToBeAsked } from "./keep.ts";

const WARN_EVERY_MS = 60_000;

export interface OpenBaoGrantsOptions {
  readonly bucket: DocumentStore;
  readonly bao: Pick<OpenBao, "read" | "close">;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly clock?: Pick<Clock, "now">;
}

export class OpenBaoGrants implements Grants {
  readonly #options: OpenBaoGrantsOptions;
  readonly #clock: Pick<Clock, "now">;
  readonly #timer: NodeJS.Timeout;
  /** Since the last line of the log: the age of what was used, by device. */
  readonly #troubled = new Map<string, number | null>();
  #why: string | null = null;

  constructor(options: OpenBaoGrantsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timer = setInterval(() => this.#warn(), WARN_EVERY_MS).unref();
  }

  async of(device: string): Promise<Grant | null | undefined> {
    const { bucket, bao, signal } = this.#options;
    const kept = keptGrant(bucket, device);
    if (!isToBeAsked(kept, this.#nowS())) return kept.grant;
    const { grant, keep, trouble } = answered(kept, await bao.read(`grants/${device}`), this.#nowS());
    if (trouble !== undefined) this.#note(device, trouble);
    if (keep === undefined) return grant;
    const written = keep === null ? await bucket.remove(device, kept.revision) : await bucket.put(device, keep, kept.revision);
    if (written.ok) return grant;
    // Somebody wrote meanwhile: the enrolment service, whose word is newer, or another callout.
    await bucket.list(signal);
    return keptGrant(bucket, device).grant;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#options.bao.close();
    await this.#options.bucket.close();
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1_000);
  }

  #note(device: string, { why, ageS }: NonNullable<Answered["trouble"]>): void {
    this.#troubled.set(device, ageS);
    if (why !== this.#why) this.#log(why);
    this.#why = why;
  }

  /** The first of a kind at once, then all of them each minute. */
  #warn(): void {
    if (this.#troubled.size > 0) this.#log(this.#why ?? "");
    else this.#why = null;
  }

  #log(why: string): void {
    const ages = [...this.#troubled.values()].filter((age) => age !== null);
    const fields = { why, onKeptGrants: ages.length, oldestMinutes: Math.round(Math.max(0, ...ages) / 60) };
    this.#options.log.warn("OpenBao does not say who is a device", { ...fields, notKnown: this.#troubled.size - ages.length });
    this.#troubled.clear();
  }
}
