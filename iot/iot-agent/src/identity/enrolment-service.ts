// The enrolment service as the device sees it: over HTTPS, with Node's own client, which the
// process loads when it first asks. Each answer is bounded before it is parsed. A service that is
// down is another thing than one that refuses: what the device holds stays good in the first case.

import type { ClientRequest, IncomingMessage } from "node:http";
import { readFile } from "node:fs/promises";
import { type Clock, errorText, sendRequest, systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
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
  TokenAnswer,
} from "@iot/identity/device";
import * as z from "zod/mini";

const WITHIN_MS = 20_000;
const ANSWER_MAX_BYTES = 65_536;
const CLOCK_OFF_MS = 5_000;
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** `down`: the network, a time-out, or a service in trouble. `refused`: it answered. */
export interface NotGiven {
  readonly ok: false;
  readonly kind: "down" | "refused";
  /** A sentence, without a full stop. */
  readonly why: string;
}
export type Given<Value> = { readonly ok: true; readonly value: Value } | NotGiven;

export interface ServiceAddress {
  readonly url: string;
  /** PEM of who signs its certificate; undefined: those that Node knows. */
  readonly caFile: string | undefined;
  /** The PEM itself. */
  readonly ca?: string | undefined;
}

interface Sent {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly authorization?: string;
  readonly body?: { readonly type: string; readonly text: string };
}

interface Rekeying {
  readonly device: string;
  /** The present key's. */
  readonly keyId: string;
  readonly token: string;
}

interface Heard {
  readonly status: number;
  readonly text: string;
  readonly dateMs: number;
}

type Token = z.output<typeof TokenAnswer>;

const ErrorAnswer = z.object({ error: z.string(), error_description: z.optional(z.string()) });

export class EnrolmentService {
  readonly #at: ServiceAddress;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  /** What the service's clock shows beyond this one's monotonic clock; null: as the wall clock. */
  #clockMs: number | null = null;

  constructor(at: ServiceAddress, signal: AbortSignal, clock: Clock = systemClock) {
    this.#at = at;
    this.#signal = signal;
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
    return this.#ask(EnrolmentAnswer, { method: "GET", path: `/v1/enrolments/${code}`, authorization: `Proof ${proof.value}` });
  }

  /** Asks twice when the first answer shows that the clock of this device is wrong. */
  async token(signer: Signer, { device, keyId }: { readonly device: string; readonly keyId: string }): Promise<Given<Token>> {
    const ask = async (): Promise<Given<Heard>> => {
      const assertion = await signAssertion(signer, { device, keyId, audience: this.#at.url, nowMs: this.#nowMs() });
      const text = new URLSearchParams({ grant_type: JWT_BEARER, assertion }).toString();
      return this.#send({ method: "POST", path: "/oauth/v2/token", body: { type: "application/x-www-form-urlencoded", text } });
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
    const assertion = await signAssertion(present, { device, keyId, audience: this.#at.url, nowMs: this.#nowMs() });
    const body = json({ publicKey: next.publicKeyPem, proof: proof.value, assertion } satisfies RekeyRequest);
    const given = await this.#ask(RekeyAnswer, { method: "POST", path: "/v1/keys", authorization: `Bearer ${token}`, body });
    return given.ok ? { ok: true, value: given.value.keyId } : given;
  }

  /** What the service says today of this device, and where NATS is. */
  async device(token: string): Promise<Given<DeviceDocument>> {
    return this.#ask(DeviceDocument, { method: "GET", path: "/v1/device", authorization: `Bearer ${token}` });
  }

  #nowMs(): number {
    return this.#clockMs === null ? this.#clock.now() : this.#clockMs + this.#clock.monotonicMs();
  }

  async #proof(signer: Signer): Promise<Given<string>> {
    const nonce = await this.#ask(Nonce, { method: "POST", path: "/v1/nonces" });
    return nonce.ok ? { ok: true, value: await signProof(signer, { audience: this.#at.url, nonce: nonce.value.nonce }) } : nonce;
  }

  async #ask<Schema extends z.ZodMiniType>(schema: Schema, sent: Sent): Promise<Given<z.output<Schema>>> {
    return this.#read(schema, await this.#send(sent));
  }

  #read<Schema extends z.ZodMiniType>(schema: Schema, heard: Given<Heard>): Given<z.output<Schema>> {
    if (!heard.ok) return heard;
    const { status, text } = heard.value;
    if (status >= 400) {
      const said = parseJson(ErrorAnswer, text);
      const why = said.ok ? (said.value.error_description ?? said.value.error) : `HTTP ${status}`;
      return { ok: false, kind: status === 429 || status >= 500 ? "down" : "refused", why: `${this.#at.url} says: ${why}` };
    }
    const parsed = parseJson(schema, text);
    if (parsed.ok) return parsed;
    return { ok: false, kind: "down", why: `${this.#at.url} answers what is not the protocol of an enrolment service` };
  }

  async #send(sent: Sent): Promise<Given<Heard>> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(WITHIN_MS)]);
    try {
      const response = await this.#exchange(sent, signal);
      const dateMs = Date.parse(response.headers.date ?? "");
      return { ok: true, value: { status: response.statusCode ?? 0, text: await bounded(response), dateMs } };
    } catch (error) {
      this.#signal.throwIfAborted();
      const why = signal.aborted ? `does not answer within ${WITHIN_MS / 1_000} s` : `cannot be reached: ${errorText(error)}`;
      return { ok: false, kind: "down", why: `${this.#at.url} ${why}` };
    }
  }

  async #exchange({ method, path, authorization, body }: Sent, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(path, this.#at.url);
    const headers = {
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { "content-type": body.type }),
      "content-length": Buffer.byteLength(body?.text ?? ""),
    };
    const options = { method, headers, signal, agent: false } as const;
    let open: () => ClientRequest;
    if (url.protocol === "http:") {
      const { request } = await import("node:http");
      open = () => request(url, options);
    } else {
      const [{ request }, ca] = await Promise.all([import("node:https"), this.#authority()]);
      open = () => request(url, { ...options, ...(ca === undefined ? {} : { ca }) });
    }
    return sendRequest(open, { body: body?.text, isRepeatable: false, signal });
  }

  /** Read at each request, so that a renewed one is followed. @throws with the file's name. */
  async #authority(): Promise<string | undefined> {
    const { caFile, ca } = this.#at;
    if (caFile === undefined) return ca;
    return readFile(caFile, "utf8").catch((cause: unknown) => {
      throw new Error(`${caFile}: cannot read the authority of the enrolment service: ${errorText(cause)}`, { cause });
    });
  }
}

async function bounded(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const data of response as AsyncIterable<Buffer>) {
    bytes += data.length;
    if (bytes > ANSWER_MAX_BYTES) {
      response.destroy();
      throw new Error(`its answer is longer than ${ANSWER_MAX_BYTES} bytes`);
    }
    chunks.push(data);
  }
  return Buffer.concat(chunks).toString();
}

function json(value: unknown): { readonly type: string; readonly text: string } {
  return { type: "application/json", text: JSON.stringify(value) };
}
