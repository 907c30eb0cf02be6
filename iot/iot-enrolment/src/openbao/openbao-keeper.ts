// Brings to OpenBao what the records say of the devices. A deed does not wait for it: the bucket
// `grants` has the service's word at once, and the callouts go by it until OpenBao has the same. Then
// the bucket says so, and they ask OpenBao again. At the start every device is looked at.

import { backoffMs, type Log, systemClock } from "@harmony/runtime";
import { canonicalJson, parseJson } from "@harmony/schema";
import { KeptGrant, type NatsServers, type OpenBao } from "@iot/identity";
import { grantOf } from "../plan/admit.ts";
import type { Step } from "../cut-off/cut-off.ts";
import type { Plan } from "../plan/held.ts";
import type { Records } from "../records/records.ts";
import { type Document, documentsOf, planDocument } from "./plan-documents.ts";

const AGAIN = { baseMs: 1_000, maxMs: 30_000 };
const AT_ONCE = 8;
const STEP_WITHIN_MS = 2_000;

export interface OpenBaoKeeperOptions {
  readonly bao: Pick<OpenBao, "read" | "write" | "address" | "close">;
  readonly records: Records;
  /** What each device dials. */
  readonly nats: NatsServers;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export class OpenBaoKeeper {
  readonly #options: OpenBaoKeeperOptions;
  readonly #signal: AbortSignal;
  readonly #ended = new AbortController();
  readonly #dirty = new Set<string>();
  readonly #waiting = new Set<() => void>();
  readonly #running: Promise<void>;
  #wake: () => void = () => undefined;
  #why: string | null = null;

  constructor(options: OpenBaoKeeperOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#ended.signal]);
    for (const { device } of options.records.devices()) this.#dirty.add(device);
    options.records.onGrant((device) => {
      if (this.#isUnconfirmed(device)) this.#look(device);
    });
    this.#running = this.#run();
  }

  /** Whether OpenBao holds what the records say of this device; false: not within that time. */
  async settled(device: string, withinMs: number): Promise<boolean> {
    if (this.#isUnconfirmed(device)) this.#look(device);
    const late = AbortSignal.any([this.#signal, AbortSignal.timeout(withinMs)]);
    while (this.#dirty.has(device) && !late.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      late.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      this.#waiting.delete(resolve);
    }
    return !this.#dirty.has(device);
  }

  /** What became of a deed there, for the person who did it. */
  async step(device: string): Promise<Step> {
    const step = "openbao";
    if (await this.settled(device, STEP_WITHIN_MS)) return { step, isDone: true, message: "it has the grant" };
    const why = this.#why ?? "it has not answered yet";
    return {
      step,
      isDone: false,
      message: `it does not have the grant yet (${why}): it gets it when it answers; the callouts know it already`,
    };
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#wake();
    await this.#running;
    this.#options.bao.close();
  }

  #isUnconfirmed(device: string): boolean {
    const { records } = this.#options;
    const kept = parseJson(KeptGrant, records.grant(device).value ?? "null");
    return records.device(device).value !== null && (!kept.ok || kept.value.readAtS === undefined);
  }

  #look(device: string): void {
    this.#dirty.add(device);
    this.#wake();
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    for (let failures = 0; !this.#signal.aborted;) {
      if (this.#dirty.size === 0) await this.#nextDirty();
      const why = await this.#bringAll().catch((error: unknown) => String(error));
      if (this.#signal.aborted) return;
      failures = why === null ? 0 : failures + 1;
      if (why !== null && why !== this.#why)
        log.warn("OpenBao does not get what the records say; it is tried again", { why, devices: this.#dirty.size });
      if (why === null && this.#why !== null) log.info("OpenBao has what the records say");
      this.#why = why;
      if (why !== null) await systemClock.sleep(backoffMs(failures, AGAIN), this.#signal).catch(() => undefined);
    }
  }

  #nextDirty(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  /** Why it is not all there; null: it is. */
  async #bringAll(): Promise<string | null> {
    const devices = [...this.#dirty];
    let why: string | null = null;
    const next = async (): Promise<void> => {
      for (let device = devices.pop(); device !== undefined && why === null; device = devices.pop()) {
        why ??= await this.#bring(device);
        for (const waiting of this.#waiting) waiting();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    return why;
  }

  async #bring(device: string): Promise<string | null> {
    const { records, nats } = this.#options;
    const record = records.device(device).value;
    if (record === null) {
      this.#dirty.delete(device);
      return null;
    }
    const documents = documentsOf(record, nats);
    const why = (await this.#write(documents.grant)) ?? (await this.#write(documents.nats));
    if (why !== null) return why;
    // What was said of the device meanwhile is brought in the next round.
    const isSame = await records.carryOut(() => planConfirmation(records, device, documents.grant.content));
    if (isSame.kind === "do" && isSame.answer) this.#dirty.delete(device);
    return null;
  }

  async #write(document: Document): Promise<string | null> {
    const { bao } = this.#options;
    const step = planDocument(document, await bao.read(document.path));
    if (step === "nothing") return null;
    if (step !== "write") return step.wait;
    const written = await bao.write(document.path, document.content);
    return written.kind === "written" ? null : written.why;
  }
}

/** OpenBao has this grant: from now on the callouts may ask it. false: another was said meanwhile. */
function planConfirmation(records: Records, device: string, grant: object): Plan<boolean> {
  const { value, revision } = records.grant(device);
  const record = records.device(device).value;
  const nothing = (answer: boolean): Plan<boolean> => ({ kind: "do", writes: [], answer });
  if (record === null || canonicalJson(grantOf(record)) !== canonicalJson(grant)) return nothing(false);
  const kept = parseJson(KeptGrant, value ?? "null");
  if (!kept.ok || kept.value.readAtS !== undefined) return nothing(true);
  const readAtS = Math.floor(systemClock.now() / 1_000);
  return { kind: "do", writes: [{ bucket: "grants", key: device, document: { ...grant, readAtS }, expected: revision }], answer: true };
}
