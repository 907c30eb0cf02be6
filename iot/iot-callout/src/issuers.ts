// Whose tokens are believed: the enrolment service's own, and Zitadel's beside it while a fleet moves
// from one to the other. Both stand in the bucket `grants`. The keys of Zitadel are read there, and
// what was read is written back, so that every callout has it, also one that starts while Zitadel is
// away.

import { errorText, type Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { Issuer, type PersonClaims, RemoteKeys, type TokenClaims, type Verified, verifyPersonToken, verifyToken } from "@iot/identity";
import type { DocumentStore } from "@iot/messaging";

const KEYS = ["_issuer", "_issuer.zitadel"] as const;
const READ_EVERY_MS = 300_000;

export type Shown =
  | { readonly of: "device"; readonly verified: Verified<TokenClaims> }
  | { readonly of: "person"; readonly claims: PersonClaims };

export interface IssuersOptions {
  readonly bucket: DocumentStore;
  readonly log: Log;
  readonly readEveryMs?: number | undefined;
}

export class Issuers {
  readonly #bucket: DocumentStore;
  readonly #log: Log;
  readonly #keys: RemoteKeys;
  readonly #timer: NodeJS.Timeout;
  #said = "";

  constructor({ bucket, log, readEveryMs = READ_EVERY_MS }: IssuersOptions) {
    this.#bucket = bucket;
    this.#log = log;
    this.#keys = new RemoteKeys({
      onKeys: (issuer) => void this.#keep(issuer),
      onFailure: (issuer, why) => this.#failed(`the keys of ${issuer} cannot be read: ${why}; those that are kept count`),
    });
    this.#timer = setInterval(() => void this.#readAll(), readEveryMs).unref();
    void this.#readAll();
  }

  async verify(token: string, nowMs: number): Promise<Shown> {
    const issuers = this.#believed();
    const verified = await this.#keys.verify(token, issuers, (issuer) => verifyToken(token, issuer, nowMs));
    if (verified.kind !== "refused") return { of: "device", verified };
    const person = await this.#keys.verify(token, issuers, (issuer) => verifyPersonToken(token, issuer, nowMs));
    return person.kind === "valid" ? { of: "person", claims: person.claims } : { of: "device", verified };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #believed(): readonly Issuer[] {
    return KEYS.flatMap((key) => {
      const text = this.#bucket.heard(key)?.text ?? null;
      const parsed = text === null ? null : parseJson(Issuer, text);
      return parsed?.ok === true ? [parsed.value] : [];
    });
  }

  async #readAll(): Promise<void> {
    const remote = this.#believed().filter(({ kind }) => kind === "zitadel");
    const read = await Promise.all(remote.map((issuer) => this.#keys.read(issuer)));
    if (read.length > 0 && !read.includes(null)) this.#said = "";
  }

  /** Another callout, or the service, may have written the same meanwhile. */
  async #keep(issuer: Issuer): Promise<void> {
    const [, key] = KEYS;
    const revision = this.#bucket.heard(key)?.revision ?? 0;
    this.#log.info("the issuer has other keys than before", { issuer: issuer.issuer, keys: issuer.jwks.keys.map(({ kid }) => kid) });
    await this.#bucket.put(key, issuer, revision).catch((error: unknown) => this.#failed(`the keys are not kept: ${errorText(error)}`));
  }

  #failed(why: string): void {
    if (this.#said !== why) this.#log.warn(why);
    this.#said = why;
  }
}
