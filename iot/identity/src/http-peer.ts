// Another machine as it is asked: over HTTPS, with Node's own client, which the process loads
// when it first asks. Each answer is bounded before it is parsed. One that is down is another thing
// than one that refuses: what is held stays good in the first case.

import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { readFile } from "node:fs/promises";
import { type Clock, errorText, sendRequest, systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import * as z from "zod/mini";

const WITHIN_MS = 20_000;
const ANSWER_MAX_BYTES = 65_536;
const CLOCK_OFF_MS = 5_000;

/** `down`: the network, a time-out, or a service in trouble. `refused`: it answered. */
export interface NotGiven {
  readonly ok: false;
  readonly kind: "down" | "refused";
  /** A sentence, without a full stop. */
  readonly why: string;
}
export type Given<Value> = { readonly ok: true; readonly value: Value } | NotGiven;

export interface PeerAddress {
  readonly url: string;
  /** PEM of who signs its certificate; undefined: those that Node knows. */
  readonly caFile?: string | undefined;
  /** The PEM itself. */
  readonly ca?: string | undefined;
  /** How long one answer may take. */
  readonly withinMs?: number;
  /** Connections stay open, for who asks often. */
  readonly isKept?: boolean;
}

export interface Sent {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly authorization?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly type: string; readonly text: string };
}

export interface Heard {
  readonly status: number;
  readonly text: string;
  readonly dateMs: number;
}

/** The time as another machine has it, once that has shown that this clock is wrong. */
export class PeerClock {
  readonly #clock: Clock;
  /** What the other clock shows beyond this one's monotonic clock; null: as the wall clock. */
  #beyondMs: number | null = null;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#beyondMs === null ? this.#clock.now() : this.#beyondMs + this.#clock.monotonicMs();
  }

  /** true: this one was off by more than some seconds, and is right now. */
  learn(dateMs: number): boolean {
    if (!(Math.abs(dateMs - this.nowMs()) > CLOCK_OFF_MS)) return false;
    this.#beyondMs = dateMs - this.#clock.monotonicMs();
    return true;
  }
}

const ErrorAnswer = z.object({ error: z.string(), error_description: z.optional(z.string()) });

export class HttpPeer {
  readonly url: string;
  readonly #at: PeerAddress;
  readonly #signal: AbortSignal;
  readonly #withinMs: number;
  #agent: Agent | null = null;

  constructor(at: PeerAddress, signal: AbortSignal) {
    this.url = at.url;
    this.#at = at;
    this.#signal = signal;
    this.#withinMs = at.withinMs ?? WITHIN_MS;
  }

  async ask<Schema extends z.ZodMiniType>(schema: Schema, sent: Sent): Promise<Given<z.output<Schema>>> {
    return this.read(schema, await this.send(sent));
  }

  read<Schema extends z.ZodMiniType>(schema: Schema, heard: Given<Heard>): Given<z.output<Schema>> {
    if (!heard.ok) return heard;
    const { status, text } = heard.value;
    if (status >= 400) {
      const said = parseJson(ErrorAnswer, text);
      const why = said.ok ? (said.value.error_description ?? said.value.error) : `HTTP ${status}`;
      return { ok: false, kind: status === 429 || status >= 500 ? "down" : "refused", why: `${this.#at.url} says: ${why}` };
    }
    const parsed = parseJson(schema, text);
    if (parsed.ok) return parsed;
    return { ok: false, kind: "down", why: `${this.#at.url} answers what was not asked of it` };
  }

  async send(sent: Sent): Promise<Given<Heard>> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(this.#withinMs)]);
    try {
      const response = await this.#exchange(sent, signal);
      const dateMs = Date.parse(response.headers.date ?? "");
      return { ok: true, value: { status: response.statusCode ?? 0, text: await bounded(response), dateMs } };
    } catch (error) {
      this.#signal.throwIfAborted();
      const why = signal.aborted ? `does not answer within ${this.#withinMs / 1_000} s` : `cannot be reached: ${errorText(error)}`;
      return { ok: false, kind: "down", why: `${this.#at.url} ${why}` };
    }
  }

  /** Ends the connections that stayed open. */
  close(): void {
    this.#agent?.destroy();
  }

  async #exchange({ method, path, authorization, headers, body }: Sent, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(path, this.#at.url);
    const options: RequestOptions = {
      method,
      headers: {
        ...headers,
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { "content-type": body.type }),
        "content-length": Buffer.byteLength(body?.text ?? ""),
      },
      signal,
    };
    const open = url.protocol === "http:" ? await this.#plain(url, options) : await this.#secured(url, options);
    return sendRequest(open, { body: body?.text, isRepeatable: method === "GET", signal });
  }

  async #plain(url: URL, options: RequestOptions): Promise<() => ClientRequest> {
    const { Agent, request } = await import("node:http");
    const agent = this.#at.isKept === true ? (this.#agent ??= new Agent({ keepAlive: true })) : false;
    return () => request(url, { ...options, agent });
  }

  async #secured(url: URL, options: RequestOptions): Promise<() => ClientRequest> {
    const [{ Agent, request }, ca] = await Promise.all([import("node:https"), this.#authority()]);
    const agent = this.#at.isKept === true ? (this.#agent ??= new Agent({ keepAlive: true })) : false;
    return () => request(url, { ...options, agent, ...(ca === undefined ? {} : { ca }) });
  }

  /** Read at each request, so that a renewed one is followed. @throws with the file's name. */
  async #authority(): Promise<string | undefined> {
    const { caFile, ca } = this.#at;
    if (caFile === undefined) return ca;
    return readFile(caFile, "utf8").catch((cause: unknown) => {
      throw new Error(`${caFile}: cannot read the authority of ${this.url}: ${errorText(cause)}`, { cause });
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
