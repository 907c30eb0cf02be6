// The enrolment service as the device sees it. A service that is down is another thing than one that
// refuses: what the device holds stays good in the first case.

import { type Clock, systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import {
  DeviceDocument,
  Endpoint,
  EnrolmentAnswer,
  type EnrolmentRequest,
  type Given,
  type Heard,
  Nonce,
  RekeyAnswer,
  type RekeyRequest,
  type Sent,
  type ServiceAddress,
  signAssertion,
  type Signer,
  signProof,
  TokenAnswer,
} from "@iot/identity/device";
import * as z from "zod/mini";

const WITHIN_MS = 20_000;
const CLOCK_OFF_MS = 5_000;
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";

interface Rekeying {
  readonly device: string;
  /** The present key's. */
  readonly keyId: string;
  readonly token: string;
}

type Token = z.output<typeof TokenAnswer>;

const ErrorAnswer = z.object({ error: z.string(), error_description: z.optional(z.string()) });

export class EnrolmentService {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  /** What the service's clock shows beyond this one's monotonic clock; null: as the wall clock. */
  #clockMs: number | null = null;

  constructor(at: Pick<ServiceAddress, "url" | "caFile" | "ca">, signal: AbortSignal, clock: Clock = systemClock) {
    this.#endpoint = new Endpoint({ ...at, withinMs: WITHIN_MS, what: "the enrolment service" }, signal);
    this.#clock = clock;
  }

  async enrol(signer: Signer, asked: Pick<EnrolmentRequest, "token" | "code" | "hardware">): Promise<Given<EnrolmentAnswer>> {
    const proof = await this.#proof(signer);
    if (!proof.ok) return proof;
    const body = json({ publicKey: signer.publicKeyPem, ...asked, proof: proof.value });
    return this.#ask(EnrolmentAnswer, { method: "POST", path: "/v1/enrolments", body });
  }

  /** What became of the request with this code. */
  async look(signer: Signer, code: string): Promise<Given<EnrolmentAnswer>> {
    const proof = await this.#proof(signer);
    if (!proof.ok) return proof;
    return this.#ask(EnrolmentAnswer, {
      method: "GET",
      path: `/v1/enrolments/${code}`,
      headers: { authorization: `Proof ${proof.value}` },
    });
  }

  /** Asks twice when the first answer shows that the clock of this device is wrong. */
  async token(signer: Signer, { device, keyId }: { readonly device: string; readonly keyId: string }): Promise<Given<Token>> {
    const ask = async (): Promise<Given<Heard>> => {
      const assertion = await signAssertion(signer, { device, keyId, audience: this.#endpoint.url, nowMs: this.#nowMs() });
      const text = new URLSearchParams({ grant_type: JWT_BEARER, assertion }).toString();
      return this.#endpoint.ask({ method: "POST", path: "/oauth/v2/token", body: { type: "application/x-www-form-urlencoded", text } });
    };
    const first = await ask();
    if (!first.ok || first.value.status < 400 || Math.abs(first.value.dateMs - this.#nowMs()) <= CLOCK_OFF_MS)
      return this.#read(TokenAnswer, first);
    this.#clockMs = first.value.dateMs - this.#clock.monotonicMs();
    return this.#read(TokenAnswer, await ask());
  }

  /** Both keys sign, and each is good until the next one was used. */
  async replaceKey(present: Signer, next: Signer, { device, keyId, token }: Rekeying): Promise<Given<string>> {
    const proof = await this.#proof(next);
    if (!proof.ok) return proof;
    const assertion = await signAssertion(present, { device, keyId, audience: this.#endpoint.url, nowMs: this.#nowMs() });
    const body = json({ publicKey: next.publicKeyPem, proof: proof.value, assertion } satisfies RekeyRequest);
    const given = await this.#ask(RekeyAnswer, { method: "POST", path: "/v1/keys", headers: { authorization: `Bearer ${token}` }, body });
    return given.ok ? { ok: true, value: given.value.keyId } : given;
  }

  /** What the service says today of this device, and where NATS is. */
  async device(token: string): Promise<Given<DeviceDocument>> {
    return this.#ask(DeviceDocument, { method: "GET", path: "/v1/device", headers: { authorization: `Bearer ${token}` } });
  }

  #nowMs(): number {
    return this.#clockMs === null ? this.#clock.now() : this.#clockMs + this.#clock.monotonicMs();
  }

  async #proof(signer: Signer): Promise<Given<string>> {
    const nonce = await this.#ask(Nonce, { method: "POST", path: "/v1/nonces" });
    return nonce.ok ? { ok: true, value: await signProof(signer, { audience: this.#endpoint.url, nonce: nonce.value.nonce }) } : nonce;
  }

  async #ask<Schema extends z.ZodMiniType>(schema: Schema, sent: Sent): Promise<Given<z.output<Schema>>> {
    return this.#read(schema, await this.#endpoint.ask(sent));
  }

  #read<Schema extends z.ZodMiniType>(schema: Schema, heard: Given<Heard>): Given<z.output<Schema>> {
    if (!heard.ok) return heard;
    const { status, text } = heard.value;
    if (status >= 400) {
      const said = parseJson(ErrorAnswer, text);
      const why = said.ok ? (said.value.error_description ?? said.value.error) : `HTTP ${status}`;
      return { ok: false, kind: status === 429 || status >= 500 ? "down" : "refused", why: `${this.#endpoint.url} says: ${why}` };
    }
    const parsed = parseJson(schema, text);
    if (parsed.ok) return parsed;
    return { ok: false, kind: "down", why: `${this.#endpoint.url} answers what is not the protocol of an enrolment service` };
  }
}

function json(value: unknown): { readonly type: string; readonly text: string } {
  return { type: "application/json", text: JSON.stringify(value) };
}
