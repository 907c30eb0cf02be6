// The enrolment service as the device sees it: who makes a device of its key, and says where NATS is
// and who gives its tokens.

import {
  DeviceDocument,
  EnrolmentAnswer,
  type EnrolmentRequest,
  Nonce,
  RekeyAnswer,
  type RekeyRequest,
  signAssertion,
  type Signer,
  signProof,
} from "@iot/identity/device";
import * as z from "zod/mini";
import { type Given, HttpPeer, type PeerAddress, PeerClock } from "@iot/identity/device";
import { type Token, TokenIssuer } from "./token-issuer.ts";

interface Rekeying {
  readonly device: string;
  /** The present key's. */
  readonly keyId: string;
  readonly token: string;
}

export class EnrolmentService {
  readonly #peer: HttpPeer;
  readonly #issuer: TokenIssuer;
  readonly #clock: PeerClock;

  constructor(at: PeerAddress, signal: AbortSignal, clock: PeerClock = new PeerClock()) {
    this.#peer = new HttpPeer(at, signal);
    this.#issuer = new TokenIssuer(at, signal, { clock });
    this.#clock = clock;
  }

  async enrol(signer: Signer, asked: Pick<EnrolmentRequest, "token" | "code" | "hardware">): Promise<Given<EnrolmentAnswer>> {
    const proof = await this.#proof(signer);
    if (!proof.ok) return proof;
    const body = json({ publicKey: signer.publicKeyPem, ...asked, proof: proof.value });
    return this.#peer.ask(EnrolmentAnswer, { method: "POST", path: "/v1/enrolments", body });
  }

  /** What became of the request with this code. */
  async look(signer: Signer, code: string): Promise<Given<EnrolmentAnswer>> {
    const proof = await this.#proof(signer);
    if (!proof.ok) return proof;
    return this.#peer.ask(EnrolmentAnswer, { method: "GET", path: `/v1/enrolments/${code}`, authorization: `Proof ${proof.value}` });
  }

  token(signer: Signer, of: { readonly device: string; readonly keyId: string }): Promise<Given<Token>> {
    return this.#issuer.token(signer, of);
  }

  /** Both keys sign, and each is good until the next one was used. */
  async replaceKey(present: Signer, next: Signer, { device, keyId, token }: Rekeying): Promise<Given<z.output<typeof RekeyAnswer>>> {
    const proof = await this.#proof(next);
    if (!proof.ok) return proof;
    const assertion = await this.#assertion(present, { device, keyId });
    const body = json({ publicKey: next.publicKeyPem, proof: proof.value, assertion } satisfies RekeyRequest);
    return this.#peer.ask(RekeyAnswer, { method: "POST", path: "/v1/keys", authorization: `Bearer ${token}`, body });
  }

  /** Ends the key before this one, where its use is not seen by the service itself. */
  async keyUsed(signer: Signer, of: { readonly device: string; readonly keyId: string }): Promise<Given<object>> {
    const body = json({ assertion: await this.#assertion(signer, of) });
    return this.#peer.ask(z.object({}), { method: "POST", path: "/v1/keys/used", body });
  }

  /** What the service says today of this device, and where NATS is. */
  async device(token: string): Promise<Given<DeviceDocument>> {
    return this.#peer.ask(DeviceDocument, { method: "GET", path: "/v1/device", authorization: `Bearer ${token}` });
  }

  #assertion(signer: Signer, { device, keyId }: { readonly device: string; readonly keyId: string }): Promise<string> {
    return signAssertion(signer, { device, keyId, audience: this.#peer.url, nowMs: this.#clock.nowMs() });
  }

  async #proof(signer: Signer): Promise<Given<string>> {
    const nonce = await this.#peer.ask(Nonce, { method: "POST", path: "/v1/nonces" });
    return nonce.ok ? { ok: true, value: await signProof(signer, { audience: this.#peer.url, nonce: nonce.value.nonce }) } : nonce;
  }
}

function json(value: unknown): { readonly type: string; readonly text: string } {
  return { type: "application/json", text: JSON.stringify(value) };
}
