// The keys of the callout, which nats.conf names by their public halves: the account key that signs
// users, and the curve key for which the server encrypts its requests. While servers change from one
// pair to the next, the callout has both. The formats are
// NATS' library's. Two things that it does in plain JavaScript, and a login cannot wait for, are
// done faster: Ed25519 by Node's crypto, and one X25519 a server rather than one a message.

import { createPrivateKey, randomBytes, sign } from "node:crypto";
import { parseJson } from "@harmony/schema";
import { createAccount, createCurve, fromCurveSeed, fromSeed, type KeyPair } from "@nats-io/nkeys";
import nacl from "tweetnacl";
import * as z from "zod/mini";

const Pair = z.object({
  issuerSeed: z.string().check(z.regex(/^SA[A-Z2-7]{56}$/, { error: "expected the seed of an account" })),
  xkeySeed: z.string().check(z.regex(/^SX[A-Z2-7]{56}$/, { error: "expected the seed of a curve key" })),
});
type Pair = z.output<typeof Pair>;

export const CalloutKeys = z.object({ ...Pair.shape, next: z.optional(Pair) });
export type CalloutKeys = z.output<typeof CalloutKeys>;

export interface PublicHalves {
  readonly issuer: string;
  readonly xkey: string;
}

export function makeKeys(): { readonly keys: Pair; readonly publicHalves: PublicHalves } {
  const [account, curve] = [createAccount(), createCurve()];
  const keys = { issuerSeed: text(account.getSeed()), xkeySeed: text(curve.getSeed()) };
  return { keys, publicHalves: publicHalvesOf(keys) };
}

export function publicHalvesOf({ issuerSeed, xkeySeed }: Pair): PublicHalves {
  return { issuer: fromSeed(Buffer.from(issuerSeed)).getPublicKey(), xkey: fromCurveSeed(Buffer.from(xkeySeed)).getPublicKey() };
}

/** Opens the requests of a server, and signs what that server takes. */
export interface Envelope {
  readonly signer: KeyPair;
  readonly curve: Curve;
}

/** The present pair first. */
export function envelopesOf({ next, ...present }: CalloutKeys): readonly Envelope[] {
  const pairs = next === undefined ? [present] : [present, next];
  return pairs.map(({ issuerSeed, xkeySeed }) => ({ signer: signerOf(issuerSeed), curve: new Curve(xkeySeed) }));
}

export function readKeys(content: string): ReturnType<typeof parseJson<typeof CalloutKeys>> {
  return parseJson(CalloutKeys, content);
}

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** For NATS' library, which calls nothing else of a key pair that signs. */
function signerOf(seed: string): KeyPair {
  const slow = fromSeed(Buffer.from(seed));
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, rawSeed(seed)]), format: "der", type: "pkcs8" });
  const publicKey = slow.getPublicKey();
  // The library asks for it only to see that it is there; to compute it takes 10 ms.
  const privateKey = slow.getPrivateKey();
  return {
    getPublicKey: () => publicKey,
    getPrivateKey: () => privateKey,
    getSeed: () => slow.getSeed(),
    sign: (input) => new Uint8Array(sign(null, input, key)),
    verify: (input, signature) => slow.verify(input, signature),
    seal: (input, recipient, nonce) => slow.seal(input, recipient, nonce),
    open: (message, sender) => slow.open(message, sender),
    clear: () => slow.clear(),
  };
}

const MAGIC = Buffer.from("xkv1");
const NONCE_BYTES = 24;
/** A server makes itself a key at each start. */
const SERVERS_KEPT = 64;

export class Curve {
  readonly publicKey: string;
  readonly #seed: Uint8Array;
  readonly #shared = new Map<string, Uint8Array>();

  constructor(seed: string) {
    this.publicKey = fromCurveSeed(Buffer.from(seed)).getPublicKey();
    this.#seed = rawSeed(seed);
  }

  /** Null: it is not encrypted for this key, or not by that server. */
  open(data: Uint8Array, server: string): Uint8Array | null {
    const head = MAGIC.length + NONCE_BYTES;
    if (data.length < head || !MAGIC.equals(data.subarray(0, MAGIC.length))) return null;
    return nacl.secretbox.open(data.subarray(head), data.subarray(MAGIC.length, head), this.#sharedWith(server));
  }

  seal(data: Uint8Array, server: string): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    return Buffer.concat([MAGIC, nonce, nacl.secretbox(data, nonce, this.#sharedWith(server))]);
  }

  #sharedWith(server: string): Uint8Array {
    const known = this.#shared.get(server);
    if (known !== undefined) return known;
    const shared = nacl.box.before(base32(server).subarray(1, 33), this.#seed);
    if (this.#shared.size >= SERVERS_KEPT) this.#shared.clear();
    this.#shared.set(server, shared);
    return shared;
  }
}

/** The 32 bytes behind two of prefix. */
function rawSeed(seed: string): Uint8Array {
  return base32(seed).subarray(2, 34);
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(encoded: string): Uint8Array {
  const bytes: number[] = [];
  let [bits, value] = [0, 0];
  for (const letter of encoded) {
    value = ((value << 5) | BASE32.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return Uint8Array.from(bytes);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
