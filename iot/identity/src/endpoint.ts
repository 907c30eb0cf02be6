// One service that is asked over HTTPS with Node's own client, which the process loads when it first
// asks. Each answer is bounded before it is parsed. A service that is down is another thing than one
// that refuses: what is held stays good in the first case.

import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { readFile } from "node:fs/promises";
import { errorText, sendRequest } from "@harmony/runtime";

const ANSWER_MAX_BYTES = 65_536;

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
  readonly caFile?: string | undefined;
  /** The PEM itself. */
  readonly ca?: string | undefined;
  /** How long one answer may take. */
  readonly withinMs: number;
  /** Connections stay open, for who asks often. */
  readonly isKept?: boolean;
  /** In sentences, as "the enrolment service". */
  readonly what: string;
}

export interface Sent {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly type: string; readonly text: string };
}

export interface Heard {
  readonly status: number;
  readonly text: string;
  /** NaN: it does not say. */
  readonly dateMs: number;
}

export class Endpoint {
  readonly #at: ServiceAddress;
  readonly #signal: AbortSignal;
  #agent: Agent | null = null;

  constructor(at: ServiceAddress, signal: AbortSignal) {
    this.#at = at;
    this.#signal = signal;
  }

  get url(): string {
    return this.#at.url;
  }

  /** Any status is an answer. @throws the signal's reason. */
  async ask(sent: Sent): Promise<Given<Heard>> {
    const { url, withinMs } = this.#at;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(withinMs)]);
    try {
      const response = await this.#exchange(sent, signal);
      const dateMs = Date.parse(response.headers.date ?? "");
      return { ok: true, value: { status: response.statusCode ?? 0, text: await bounded(response), dateMs } };
    } catch (error) {
      this.#signal.throwIfAborted();
      const why = signal.aborted ? `does not answer within ${withinMs / 1_000} s` : `cannot be reached: ${errorText(error)}`;
      return { ok: false, kind: "down", why: `${url} ${why}` };
    }
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #exchange({ method, path, headers = {}, body }: Sent, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(path, this.#at.url);
    const options: RequestOptions = {
      method,
      headers: {
        ...headers,
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
    const { caFile, ca, what } = this.#at;
    if (caFile === undefined) return ca;
    return readFile(caFile, "utf8").catch((cause: unknown) => {
      throw new Error(`${caFile}: cannot read the authority of ${what}: ${errorText(cause)}`, { cause });
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
