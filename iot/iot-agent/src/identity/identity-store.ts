// The identity of this device on its disk: the key that it made and that never leaves it, what the
// enrolment service approved, and the token that it shows to NATS. Each file is written whole or
// not at all. Only the agent's user reads them: who has the card has the device, until it is
// disabled.

import { createPublicKey } from "node:crypto";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Parsed } from "@harmony/core";
import { type DurableRead, errorText, readDurably, syncFolder, writeFileDurably } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import {
  EnrolmentAnswer,
  keyIdOf,
  keySigner,
  makeDeviceKey,
  privateKeyOf,
  publicPem,
  type Signer,
  TokenAnswer,
} from "@iot/identity/device";
import * as z from "zod/mini";

export type Identity = Extract<EnrolmentAnswer, { state: "approved" }>;

export const HeldToken = z.looseObject({ ...TokenAnswer.shape, obtainedAtMs: z.number() });
export type HeldToken = z.output<typeof HeldToken>;

/** What it has signed before stays good. */
function unusableKey(file: string, cause: unknown): Error {
  return new Error(`the device's key does not sign: ${file}: ${errorText(cause)}; enrol this device anew: sudo iot-agent enrol URL CODE`, {
    cause,
  });
}

export type KeyPlace = "file" | "tpm";

export class IdentityStore {
  readonly folder: string;
  /** Where keys are made. One that was made elsewhere before goes on. */
  readonly #keyPlace: KeyPlace;

  constructor(stateDir: string, keyPlace: KeyPlace = "file") {
    this.folder = join(stateDir, "identity");
    this.#keyPlace = keyPlace;
  }

  #path(name: string): string {
    return join(this.folder, name);
  }

  get keyFile(): string {
    return this.#path("key.pem");
  }

  /** The file of the key that takes the place of the present one, once the service has it. */
  get #nextKeyFile(): string {
    return this.#path("next-key.pem");
  }

  /** PEM of who signs the certificate of NATS, where the service names one. */
  get natsCaFile(): string {
    return this.#path("nats-ca.pem");
  }

  /** Null: this device has none yet. A file that cannot be read is kept under another name. */
  async identity(): Promise<Identity | null> {
    const read = await readDurably(this.#path("identity.json"), (bytes): Parsed<Identity> => {
      const parsed = parseJson(EnrolmentAnswer, bytes);
      if (!parsed.ok) return parsed;
      if (parsed.value.state === "approved") return { ok: true, value: parsed.value };
      return { ok: false, issues: [{ path: ["state"], message: 'expected "approved"' }] };
    });
    return orThrow(read, this.#path("identity.json"));
  }

  async saveIdentity(identity: Identity): Promise<void> {
    if (identity.nats?.ca !== undefined) await writeFileDurably(this.natsCaFile, identity.nats.ca);
    await writeFileDurably(this.#path("identity.json"), `${JSON.stringify(identity)}\n`);
  }

  async token(): Promise<HeldToken | null> {
    const read = await readDurably(this.#path("token.json"), (bytes) => parseJson(HeldToken, bytes));
    return orThrow(read, this.#path("token.json"));
  }

  saveToken(token: HeldToken): Promise<void> {
    return writeFileDurably(this.#path("token.json"), `${JSON.stringify(token)}\n`);
  }

  /** The device's key, made when there is none. @throws when it cannot be read. */
  async signer(): Promise<Signer> {
    await this.#promoteNext();
    let pem: string;
    try {
      pem = await readFile(this.keyFile, "utf8");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw unusableKey(this.keyFile, error);
      if ((await this.identity()) !== null) throw unusableKey(this.keyFile, new Error("there is no such file"));
      return this.makeSigner();
    }
    try {
      return await signerOf(pem);
    } catch (error) {
      throw unusableKey(this.keyFile, error);
    }
  }

  /** In place of the key that may be there. */
  makeSigner(): Promise<Signer> {
    return this.#made(this.keyFile, this.#nextKeyFile);
  }

  /** The same until the service has it, so that a device that lost power asks with no third key. */
  async nextSigner(): Promise<Signer> {
    try {
      return await signerOf(await readFile(this.#nextKeyFile, "utf8"));
    } catch {
      return this.#made(this.#nextKeyFile, this.keyFile);
    }
  }

  /** The identity names the key that the service knows: written before this, it decides. */
  async #promoteNext(): Promise<void> {
    const pem = await readFile(this.#nextKeyFile, "utf8").catch(() => null);
    const identity = pem === null ? null : await this.identity();
    if (pem === null || identity === null || (await keyIdIn(pem)) !== identity.keyId) return;
    await rename(this.#nextKeyFile, this.keyFile);
    await syncFolder(this.folder);
  }

  async #made(file: string, other: string): Promise<Signer> {
    const text = this.#keyPlace === "file" ? await makeDeviceKey() : await madeInTpm(other);
    await writeFileDurably(file, text);
    return signerOf(text);
  }
}

/** `other`: the file of the key that stays. */
async function madeInTpm(other: string): Promise<string> {
  const { makeTpmKey } = await import("./tpm-key.ts");
  return makeTpmKey(await readFile(other, "utf8").catch(() => null));
}

/**
 * @throws what Node's crypto says of a PEM that is none, or the chip of a key that is not there.
 */
async function signerOf(text: string): Promise<Signer> {
  if (text.startsWith("tpm:")) return (await import("./tpm-key.ts")).tpmSigner(text);
  const key = privateKeyOf(text);
  return keySigner(key, publicPem(key));
}

async function keyIdIn(text: string): Promise<string | null> {
  try {
    return keyIdOf(createPublicKey((await signerOf(text)).publicKeyPem));
  } catch {
    return null;
  }
}

/** What cannot be parsed is as if it were not there: it can be had again. */
function orThrow<Value>(read: DurableRead<Value>, file: string): Value | null {
  if (read.kind === "found") return read.value;
  if (read.kind === "unreadable") throw new Error(`${file}: cannot be read: ${errorText(read.error)}`, { cause: read.error });
  return null;
}
