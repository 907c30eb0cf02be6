// Which deployments a person holds, so that he has the serial port or the network port to himself:
// until when, and why. Holds last over restarts and reboots. A hold ends at the latest after the
// time that was asked for: within one boot by the clock that never jumps, after a reboot by the
// wall clock. When the wall clock stands before the hold began, nobody knows how long it lasted,
// and it is released.

import { EventEmitter } from "node:events";
import { join } from "node:path";
import { uptime } from "node:os";
import type { Hold } from "@harmony/core";
import { errorText, KeyedQueue, type Log, readDurably, writeFileDurably } from "@harmony/runtime";
import { DnsLabel, parseJson } from "@harmony/schema";
import { asDeploymentName, type DeploymentName } from "@iot/contracts";
import * as z from "zod/mini";

const FILE = "holds.json";

const HoldRecord = z.looseObject({
  reason: z.string(),
  forMs: z.number(),
  /** RFC 3339, by the wall clock. */
  setAt: z.string(),
  bootId: z.string(),
  /** Since that boot, by the clock that never jumps. */
  setAtUptimeMs: z.number(),
});
export type HoldRecord = z.output<typeof HoldRecord>;

const SavedHolds = z.looseObject({ format: z.literal(1), holds: z.record(DnsLabel, HoldRecord) });

export interface Now {
  readonly bootId: string;
  readonly uptimeMs: number;
  readonly wallMs: number;
}

/** How long it still holds. 0: it is over. Pure. */
export function remainingMs(record: HoldRecord, now: Now): number {
  const passedMs = record.bootId === now.bootId ? now.uptimeMs - record.setAtUptimeMs : now.wallMs - Date.parse(record.setAt);
  return passedMs >= 0 && passedMs < record.forMs ? record.forMs - passedMs : 0;
}

export interface HoldsOptions {
  readonly folder: string;
  readonly bootId: string;
  readonly log: Log;
  readonly now?: () => Omit<Now, "bootId">;
}

export class Holds {
  /** A hold began or ended. */
  readonly events = new EventEmitter<{ changed: [DeploymentName] }>();
  readonly #options: Required<HoldsOptions>;
  readonly #ends: KeyedQueue<DeploymentName>;
  readonly #records = new Map<DeploymentName, HoldRecord>();
  /**
   * What was left of each hold from before this boot when the agent started. The wall clock may
   * still be set back or forward.
   */
  readonly #leftAtLoad = new Map<DeploymentName, { readonly leftMs: number; readonly uptimeMs: number }>();
  /** Holds that end: they hold until the disk no longer has them. */
  readonly #ending = new Set<DeploymentName>();
  #saving: Promise<void> = Promise.resolve();

  constructor(options: HoldsOptions) {
    this.#options = { now: () => ({ uptimeMs: uptime() * 1_000, wallMs: Date.now() }), ...options };
    this.#ends = new KeyedQueue<DeploymentName>({
      handle: async (name) => {
        if (!this.#records.has(name)) return null;
        const leftMs = this.#leftMs(name);
        if (leftMs > 0) return leftMs;
        await this.#end(name, "the time of a hold is over");
        return null;
      },
      onError: (deployment, error) => options.log.error("failed to end a hold", { deployment, error }),
    });
  }

  async load(): Promise<void> {
    const read = await readDurably(this.#path(), (bytes) => parseJson(SavedHolds, bytes));
    const { log, bootId, now } = this.#options;
    if (read.kind === "unreadable") log.warn("cannot read who holds what; nothing is held", { file: this.#path(), error: read.error });
    if (read.kind === "corrupt") log.warn("the file of holds is damaged; nothing is held", { why: read.why, keptAs: read.keptAs });
    if (read.kind !== "found") return;
    for (const [text, record] of Object.entries(read.value.holds)) {
      const name = asDeploymentName(text);
      this.#records.set(name, record);
      if (record.bootId !== bootId) this.#leftAtLoad.set(name, { leftMs: this.#leftMs(name), uptimeMs: now().uptimeMs });
      this.#ends.add(name);
    }
  }

  get(name: DeploymentName): Hold | null {
    const record = this.#records.get(name);
    const leftMs = this.#leftMs(name);
    if (record === undefined || leftMs === 0) return null;
    // The end is rounded to the second, so that it does not wander by the milliseconds of this
    // reading.
    const until = new Date(Math.round((this.#options.now().wallMs + leftMs) / 1_000) * 1_000);
    return { reason: record.reason, until: until.toISOString() };
  }

  /** @throws the file system's error: a hold that a reboot would forget is none. */
  async hold(name: DeploymentName, { forMs, reason }: { readonly forMs: number; readonly reason: string }): Promise<Hold> {
    const { bootId, now, log } = this.#options;
    const { uptimeMs, wallMs } = now();
    const [before, leftBefore] = [this.#records.get(name), this.#leftAtLoad.get(name)];
    this.#leftAtLoad.delete(name);
    this.#ending.delete(name);
    this.#records.set(name, { reason, forMs, setAt: new Date(wallMs).toISOString(), bootId, setAtUptimeMs: uptimeMs });
    try {
      await this.#save();
    } catch (error) {
      // The disk still knows the one before it, so that one holds on.
      this.#records.delete(name);
      if (before !== undefined) this.#records.set(name, before);
      if (leftBefore !== undefined) this.#leftAtLoad.set(name, leftBefore);
      throw error;
    }
    this.#ends.add(name);
    const hold = this.get(name) ?? { reason, until: new Date(wallMs).toISOString() };
    log.info("a person holds the deployment", { deployment: name, until: hold.until, reason });
    this.events.emit("changed", name);
    return hold;
  }

  /**
   * False: it was not held. @throws an error when the disk does not take it: it is released, and
   * held again after a restart.
   */
  async release(name: DeploymentName): Promise<boolean> {
    const hold = this.get(name);
    const failure = this.#records.has(name) ? await this.#end(name, "a person has released the deployment") : null;
    if (failure !== null && hold !== null) {
      const message = `it is released, but the disk does not take that (${failure}): should the agent start again, it is held until ${hold.until}; free some space, and release it again`;
      throw new Error(message);
    }
    return hold !== null;
  }

  /** The deployment is gone from the device. */
  async forget(name: DeploymentName): Promise<void> {
    if (this.#records.has(name)) await this.#end(name, "what a person held is gone from the device");
  }

  async close(): Promise<void> {
    await Promise.all([this.#ends.close(), this.#saving]);
  }

  /** It is over when that is on disk, or the disk has refused it. Gives why it did. */
  async #end(name: DeploymentName, why: string): Promise<string | null> {
    const { log } = this.#options;
    this.#ending.add(name);
    const failure = await this.#save().then(() => null, errorText);
    // A person may hold it anew meanwhile.
    if (!this.#ending.delete(name)) return null;
    this.#records.delete(name);
    // A hold that is still on disk ends by itself after a restart.
    if (failure !== null) log.warn(`cannot keep on disk who holds what: ${failure}`);
    log.info(why, { deployment: name });
    this.events.emit("changed", name);
    return failure;
  }

  #leftMs(name: DeploymentName): number {
    const record = this.#records.get(name);
    if (record === undefined) return 0;
    const { bootId } = this.#options;
    const now = this.#options.now();
    const atLoad = this.#leftAtLoad.get(name);
    const limitMs = atLoad === undefined ? Infinity : Math.max(0, atLoad.leftMs - (now.uptimeMs - atLoad.uptimeMs));
    return Math.min(limitMs, remainingMs(record, { bootId, ...now }));
  }

  async #save(): Promise<void> {
    const records = [...this.#records].filter(([name]) => !this.#ending.has(name));
    const text = JSON.stringify({ format: 1, holds: Object.fromEntries(records) });
    const save = this.#saving.then(() => writeFileDurably(this.#path(), text));
    this.#saving = save.catch(() => undefined);
    await save;
  }

  #path(): string {
    return join(this.#options.folder, FILE);
  }
}
