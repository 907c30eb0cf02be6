// Secrets that this device gets from OpenBao with its own token: those that its deployments name and
// that no person has put on it. Each is kept on the disk, so that a boot without a network has it,
// and is looked for again each day and when a person says so. What OpenBao does not say changes
// nothing: only a secret that somebody deleted there goes from here, too.

import { EventEmitter } from "node:events";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SecretSource } from "@harmony/podman";
import { backoffMs, type Clock, errorText, type Log, systemClock, writeFileDurably } from "@harmony/runtime";
import type { BaoRead, OpenBao } from "@iot/identity/device";
import { type Found, secretIn } from "./secret-in.ts";

/** No name of a secret is that of the file that is just written for another. */
const ENDING = ".secret";
const DAY_MS = 86_400_000;
/** The first look after a start: a whole fleet may start at once. */
const SOON_MS = 300_000;
/** A secret that is not there is asked for again, ever more seldom. */
const AGAIN = { baseMs: 10_000, maxMs: 300_000 };

export interface FetchedSecretsOptions {
  readonly folder: string;
  readonly device: string;
  readonly bao: Pick<OpenBao, "read">;
  /** Of this device, as its token says it; undefined: it is in none. */
  readonly group: () => Promise<string | undefined>;
  readonly log: Log;
  readonly clock?: Clock;
}

interface Tried {
  readonly count: number;
  readonly notBeforeMs: number;
  readonly why: string;
}

/** What a look for all of them came to. */
export interface Refreshed {
  readonly changed: readonly string[];
  /** Sentences; empty: all was answered. */
  readonly problems: readonly string[];
}

export class FetchedSecrets implements SecretSource {
  readonly events = new EventEmitter<{ changed: [] }>();
  readonly #options: FetchedSecretsOptions;
  readonly #clock: Clock;
  readonly #tried = new Map<string, Tried>();
  readonly #fetching = new Map<string, Promise<"same" | "changed" | { readonly why: string }>>();

  constructor(options: FetchedSecretsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async read(name: string): Promise<Uint8Array | null> {
    const kept = await this.#kept(name);
    if (kept !== null) return kept;
    const { notBeforeMs = 0 } = this.#tried.get(name) ?? {};
    if (this.#clock.monotonicMs() < notBeforeMs) return null;
    await this.#fetch(name);
    return this.#kept(name);
  }

  cure(name: string): string {
    const path = `devices/${this.#options.device}/secrets/${name}`;
    const { why = "it was not asked yet" } = this.#tried.get(name) ?? {};
    return `write it into OpenBao as iot/${path} (\`bao kv put -mount=iot ${path} value=…\`; ${why})`;
  }

  /** Looks for all that it has, and for what it was asked for and does not have. */
  async refresh(): Promise<Refreshed> {
    const names = [...new Set([...(await this.#names()), ...this.#tried.keys()])].toSorted();
    const changed: string[] = [];
    const problems = new Set<string>();
    for (const name of names) {
      const result = await this.#fetch(name);
      if (result === "changed") changed.push(name);
      else if (result !== "same") problems.add(result.why);
    }
    if (changed.length > 0) this.events.emit("changed");
    return { changed, problems: [...problems] };
  }

  /** Never throws. */
  async keepFresh(signal: AbortSignal): Promise<void> {
    for (let waitMs = Math.random() * SOON_MS; ; waitMs = DAY_MS * (0.9 + 0.2 * Math.random())) {
      await this.#clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const { problems } = await this.refresh().catch((error: unknown) => ({ problems: [String(error)] }));
      if (problems.length > 0) this.#options.log.warn("secrets are as they were", { why: problems.join("; ") });
    }
  }

  /** Those who ask for the same one at once ask once. */
  #fetch(name: string): Promise<"same" | "changed" | { readonly why: string }> {
    const under = this.#fetching.get(name);
    if (under !== undefined) return under;
    const fetched = this.#ask(name)
      .catch((error: unknown) => {
        // A disk that is full keeps no deployment from being looked at.
        const why = `it cannot be kept on the disk: ${errorText(error)}`;
        this.#missed(name, why);
        return { why };
      })
      .finally(() => this.#fetching.delete(name));
    this.#fetching.set(name, fetched);
    return fetched;
  }

  async #ask(name: string): Promise<"same" | "changed" | { readonly why: string }> {
    const { log } = this.#options;
    const kept = await this.#kept(name);
    const found = await this.#find(name);
    switch (found.kind) {
      case "found":
        this.#tried.delete(name);
        if (kept?.equals(found.bytes) === true) return "same";
        await writeFileDurably(this.#path(name), found.bytes);
        log.info("a secret came from OpenBao", { secret: name, path: found.path, version: found.version });
        return "changed";
      case "deleted":
        this.#missed(name, "it was deleted there");
        if (kept === null) return "same";
        await rm(this.#path(name), { force: true });
        log.warn("a secret was deleted in OpenBao, and is removed here", { secret: name });
        return "changed";
      case "none":
        this.#missed(name, found.why);
        return kept === null && found.isAnswer ? "same" : { why: found.why };
    }
  }

  #missed(name: string, why: string): void {
    const count = (this.#tried.get(name)?.count ?? 0) + 1;
    this.#tried.set(name, { count, why, notBeforeMs: this.#clock.monotonicMs() + backoffMs(count, AGAIN) });
  }

  /** Its own goes before its group's. */
  async #find(name: string): Promise<Found> {
    const { device, group } = this.#options;
    const own = secretIn(await this.#read(`devices/${device}/secrets/${name}`), `devices/${device}/secrets/${name}`);
    if (own.kind === "found" || (own.kind === "none" && !own.isAnswer)) return own;
    const groupName = await group();
    if (groupName === undefined) return own;
    const path = `groups/${groupName}/secrets/${name}`;
    const shared = secretIn(await this.#read(path), path);
    return shared.kind === "none" && shared.isAnswer ? own : shared;
  }

  #read(path: string): Promise<BaoRead> {
    return this.#options.bao.read(path);
  }

  #path(name: string): string {
    return join(this.#options.folder, name + ENDING);
  }

  /** null: it is not there, or cannot be read, and is then asked for again. */
  #kept(name: string): Promise<Buffer | null> {
    return readFile(this.#path(name)).catch(() => null);
  }

  async #names(): Promise<readonly string[]> {
    const files = await readdir(this.#options.folder).catch(() => []);
    return files.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
  }
}
