// The keys of an issuer that has them elsewhere. They are read again when a token names one that is
// not known, and from time to time; a stranger who invents names of keys makes nobody read more often
// than once in ten seconds, also while the issuer does not answer.

import { parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import { type Issuer, PublicJwk } from "./documents.ts";
import { issuerOf, type Verified } from "./verify.ts";

const AT_MOST_EVERY_MS = 10_000;
const WITHIN_MS = 3_000;
const ANSWER_MAX_CHARACTERS = 65_536;
const KEYS_PATH = "/oauth/v2/keys";

const PublicKeys = z.object({ keys: z.array(z.unknown()).check(z.maxLength(64)) });

export interface RemoteKeysOptions {
  /** Other keys than before: to be kept, so that who starts while the issuer is away has them. */
  readonly onKeys: (issuer: Issuer) => void;
  readonly onFailure?: (issuer: string, why: string) => void;
  readonly monotonicMs?: () => number;
}

interface Asked {
  readonly atMs: number;
  readonly answer: Promise<Issuer | null>;
}

export class RemoteKeys {
  readonly #options: RemoteKeysOptions;
  readonly #asked = new Map<string, Asked>();

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
  }

  /** An unknown key is a refusal only when the issuer itself has just not named it. */
  async verify<Claims>(
    token: string,
    issuers: readonly Issuer[],
    verify: (issuer: Issuer | null) => Promise<Verified<Claims>>,
  ): Promise<Verified<Claims>> {
    const issuer = issuerOf(token, issuers);
    const verified = await verify(issuer);
    if (verified.kind !== "refused" || verified.isKeyUnknown !== true || issuer?.kind !== "zitadel") return verified;
    const read = await this.read(issuer);
    if (read === null) return { kind: "unknown", why: "the token is signed by a key that is not known, and its issuer does not answer" };
    return verify(read);
  }

  /** The same issuer with the keys of now; null: it does not answer. */
  read(issuer: Issuer): Promise<Issuer | null> {
    const nowMs = (this.#options.monotonicMs ?? performance.now.bind(performance))();
    const before = this.#asked.get(issuer.issuer);
    if (before !== undefined && nowMs - before.atMs < AT_MOST_EVERY_MS) return before.answer;
    const answer = this.#ask(issuer);
    this.#asked.set(issuer.issuer, { atMs: nowMs, answer });
    return answer;
  }

  async #ask(issuer: Issuer): Promise<Issuer | null> {
    const { onKeys, onFailure } = this.#options;
    try {
      const read = { ...issuer, jwks: { keys: await fetchKeys(issuer.issuer) } };
      if (JSON.stringify(read.jwks) !== JSON.stringify(issuer.jwks)) onKeys(read);
      return read;
    } catch (error) {
      onFailure?.(issuer.issuer, String(error));
      return null;
    }
  }
}

/** Those that we take: an issuer may have others beside them. @throws what the network says. */
export async function fetchKeys(issuer: string): Promise<Issuer["jwks"]["keys"]> {
  const response = await fetch(issuer + KEYS_PATH, { signal: AbortSignal.timeout(WITHIN_MS), redirect: "error" });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const text = await response.text();
  if (text.length > ANSWER_MAX_CHARACTERS) throw new Error(`its keys have ${text.length} characters`);
  const parsed = parseJson(PublicKeys, text);
  if (!parsed.ok) throw new Error("it answers what is no set of keys");
  return parsed.value.keys.flatMap((key) => {
    const usable = PublicJwk.safeParse(key);
    return usable.success ? [usable.data] : [];
  });
}
