// The keys of the service's own issuer, in files that nobody else reads: the one that signs, one that
// is published before it signs, and one that does not sign any more while tokens of it live. A key is
// replaced without a gap: who believes this issuer knows a key for some minutes before it is used.

import type { KeyObject } from "node:crypto";
import { readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { EX_CONFIG, syncFolder, UserError, writeFileDurably } from "@harmony/runtime";
import { makeDeviceKey, privateKeyOf } from "@iot/identity";

export interface IssuerKeys {
  readonly present: KeyObject;
  /** They are published, and do not sign. */
  readonly others: readonly KeyObject[];
}

/** Times are ages in milliseconds. */
export interface KeysSeen {
  /** Since this process published the next key; null: there is none, or it is not published yet. */
  readonly publishedMs: number | null;
  /** Since the key before was replaced; null: there is none. */
  readonly replacedMs: number | null;
}

export type KeysStep = "use next" | "remove before" | null;

/** Published twice as long as others keep what they read (`max-age` of five minutes). Pure. */
export function planIssuerKeys(
  { publishedMs, replacedMs }: KeysSeen,
  { publishMs, tokenLifeMs }: { readonly publishMs: number; readonly tokenLifeMs: number },
): KeysStep {
  if (replacedMs !== null && replacedMs > tokenLifeMs + publishMs) return "remove before";
  return publishedMs !== null && publishedMs >= publishMs && replacedMs === null ? "use next" : null;
}

export const PUBLISH_MS = 600_000;

interface Paths {
  readonly present: string;
  readonly next: string;
  readonly before: string;
}

function pathsOf(present: string): Paths {
  const beside = (name: string): string => present.replace(/(\.pem)?$/, `-${name}.pem`);
  return { present, next: beside("next"), before: beside("before") };
}

export interface IssuerKeyFilesOptions {
  readonly tokenLifeS: number;
  readonly publishMs?: number | undefined;
}

export class IssuerKeyFiles {
  readonly #paths: Paths;
  readonly #times: { readonly publishMs: number; readonly tokenLifeMs: number };
  #keys: IssuerKeys;
  #text: string;
  #publishedAtMs: number | null = null;

  private constructor(paths: Paths, { tokenLifeS, publishMs = PUBLISH_MS }: IssuerKeyFilesOptions, read: Read) {
    this.#paths = paths;
    this.#times = { publishMs, tokenLifeMs: tokenLifeS * 1_000 };
    this.#keys = read.keys;
    this.#text = read.text;
  }

  /** Makes the first key. @throws UserError when a file cannot be read. */
  static async open(path: string, options: IssuerKeyFilesOptions): Promise<IssuerKeyFiles> {
    const paths = pathsOf(path);
    if ((await contentOf(path)) === null) await write(path, await makeDeviceKey());
    return new IssuerKeyFiles(paths, options, await readAll(paths));
  }

  current(): IssuerKeys {
    return this.#keys;
  }

  /** The others have heard of what is published now. */
  published(nowMs: number): void {
    this.#publishedAtMs ??= nowMs;
  }

  /** Reads the files, and takes one step that is due. true: the keys are others than before. */
  async look(nowMs: number): Promise<boolean> {
    const { next, before } = this.#paths;
    const step = planIssuerKeys(
      {
        publishedMs: this.#publishedAtMs === null || (await contentOf(next)) === null ? null : nowMs - this.#publishedAtMs,
        replacedMs: await ageOf(before, nowMs),
      },
      this.#times,
    );
    if (step === "use next") await useNext(this.#paths);
    if (step === "remove before") await rm(before, { force: true });
    const { keys, text } = await readAll(this.#paths);
    if (text === this.#text) return false;
    // The next one counts from when it is written where others read it.
    [this.#keys, this.#text, this.#publishedAtMs] = [keys, text, null];
    return true;
  }
}

/** @throws UserError when one is there already. */
export async function makeNextKey(path: string): Promise<void> {
  const { present, next } = pathsOf(path);
  if ((await contentOf(present)) === null) throw new UserError(`${present}: there is no key yet: the service makes it when it starts`);
  if ((await contentOf(next)) !== null)
    throw new UserError(`${next} is there already: the service uses it when it was published for ten minutes`);
  await write(next, await makeDeviceKey());
}

/** Cut off anywhere, there is a key that signs, and the same step is due again. */
async function useNext({ present, next, before }: Paths): Promise<void> {
  await write(before, (await contentOf(present)) ?? "");
  await rename(next, present);
  await syncFolder(dirname(present));
}

interface Read {
  readonly keys: IssuerKeys;
  readonly text: string;
}

async function readAll({ present, next, before }: Paths): Promise<Read> {
  const texts = await Promise.all([present, next, before].map(contentOf));
  const [own = null, ...others] = texts;
  const keys = {
    present: keyIn(present, own ?? ""),
    others: [next, before].flatMap((path, index) => {
      const pem = others[index] ?? null;
      return pem === null || pem === own ? [] : [keyIn(path, pem)];
    }),
  };
  return { keys, text: texts.join("\n") };
}

function keyIn(path: string, pem: string): KeyObject {
  try {
    return privateKeyOf(pem);
  } catch (cause) {
    const repair = "put the right file back, or remove it, and all devices ask for new tokens";
    throw new UserError(`${path}: it holds no private key: ${repair}`, EX_CONFIG, { cause });
  }
}

async function contentOf(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    if (isAbsent(cause)) return null;
    throw new UserError(`${path}: the issuer's key cannot be read: give the file to the user that this service runs as`, EX_CONFIG, {
      cause,
    });
  });
}

async function ageOf(path: string, nowMs: number): Promise<number | null> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: null }));
  return mtimeMs === null ? null : nowMs - mtimeMs;
}

function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

async function write(path: string, pem: string): Promise<void> {
  await writeFileDurably(path, pem).catch((cause: unknown) => {
    const repair = "make the folder, for the user that this service runs as";
    throw new UserError(`${path}: the issuer's key cannot be written: ${repair}`, EX_CONFIG, { cause });
  });
}
