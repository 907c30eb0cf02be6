// HTTP over Podman's unix socket: one keep-alive agent, time-outs, JSON in and out, and errors as
// PodmanError. It uses `node:http` because undici alone weighs 23 MB more on the device. It knows
// no path of the API; podman.ts does.

import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { sendRequest } from "@harmony/runtime";
import { parse } from "@harmony/schema";
import { formatIssues, plainText } from "@harmony/core";
import * as z from "zod/mini";
import { podmanUnits } from "./podman-units.ts";
import { codeOfAnswer, PodmanError } from "./podman-error.ts";

/** The version that 4.9 and 5.x serve in one shape; on a v5 path some fields differ. */
const API = "/v4.0.0/libpod";

export interface Call {
  readonly method: "GET" | "HEAD" | "POST" | "DELETE";
  /** The path below the version, with its query, e.g. `/containers/json?all=true`. */
  readonly path: string;
  /** The caller's deed, for messages: `start container "hello_web"`. */
  readonly doing: string;
  /** Sent as JSON, unless it is bytes. */
  readonly body?: unknown;
  /** Sent as it is, in place of a body. */
  readonly stream?: Readable;
  /** Bytes beyond this number are not read. */
  readonly mostBytes?: number;
  /** The answer's bytes do not matter unless it is an error. */
  readonly discard?: boolean;
  readonly signal: AbortSignal;
  /**
   * The limit until the whole answer is there; for a stream, the longest time without a byte. null:
   * no limit.
   */
  readonly timeoutMs: number | null;
  /** Statuses that are no error; 2xx by default. */
  readonly accept?: readonly number[];
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Enough for lists of more containers and images than any device has. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;
/** Podman passes on what a registry or a runtime said, of any length. */
const DETAIL_CHARACTERS = 400;
const ERROR_CHARACTERS = 16_384;
const UPGRADE_MS = 10_000;

const ApiError = z.looseObject({ cause: z.optional(z.string()), message: z.optional(z.string()) });

export interface LibpodOptions {
  readonly socketPath: string;
  /** The user whose Podman it is, for the sentence that says where to look. */
  readonly user: string;
}

export class LibpodHttp {
  readonly #socketPath: string;
  readonly #units: string;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 4 });

  constructor({ socketPath, user }: LibpodOptions) {
    this.#socketPath = socketPath;
    this.#units = podmanUnits(user);
  }

  async call(call: Call): Promise<Answer> {
    const limit = call.timeoutMs === null ? call.signal : AbortSignal.any([call.signal, AbortSignal.timeout(call.timeoutMs)]);
    try {
      const response = await this.#open(call, limit);
      const chunks: Buffer[] = [];
      const keeps = call.discard !== true || !isAccepted(call, response.statusCode ?? 0);
      let bytes = 0;
      for await (const chunk of response) {
        if (!keeps || !(chunk instanceof Buffer)) continue;
        chunks.push(chunk);
        bytes += chunk.length;
        if (call.mostBytes !== undefined && bytes >= call.mostBytes) break;
        if (bytes > ANSWER_LIMIT_BYTES) throw tooLong(call);
      }
      const answer = { status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
      if (!isAccepted(call, answer.status)) throw toError(call, answer.status, answer.body.toString("utf8"));
      return answer;
    } catch (error) {
      throw this.#explain(call, error);
    }
  }

  async json<Schema extends z.ZodMiniType>(schema: Schema, call: Call): Promise<z.output<Schema>> {
    const { body } = await this.call(call);
    return parseAnswer(schema, body.toString("utf8"), call.doing);
  }

  /** Gives newline-delimited items as they arrive. */
  async *lines(call: Call): AsyncGenerator<string> {
    const idle = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const rearm = (): void => {
      if (call.timeoutMs === null) return;
      clearTimeout(timer);
      timer = setTimeout(() => idle.abort(new DOMException("nothing was heard", "TimeoutError")), call.timeoutMs);
    };
    rearm();
    try {
      const response = await this.#open(call, AbortSignal.any([call.signal, idle.signal]));
      const accepted = isAccepted(call, response.statusCode ?? 0);
      response.setEncoding("utf8");
      let rest = "";
      for await (const chunk of response) {
        rearm();
        rest += String(chunk);
        if (!accepted) continue;
        const lines = rest.split("\n");
        rest = lines.pop() ?? "";
        if (rest.length > ANSWER_LIMIT_BYTES) throw tooLong(call);
        for (const line of lines) if (line.trim() !== "") yield line;
      }
      if (!accepted) throw toError(call, response.statusCode ?? 0, rest);
      if (rest.trim() !== "") yield rest;
    } catch (error) {
      throw this.#explain(call, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives what arrives as it is, no faster than it is taken. A connection of its own. */
  async *bytes(call: Call): AsyncGenerator<Buffer> {
    const idle = call.timeoutMs === null ? call.signal : AbortSignal.any([call.signal, AbortSignal.timeout(call.timeoutMs)]);
    try {
      const response = await this.#open(call, idle);
      if (!isAccepted(call, response.statusCode ?? 0)) throw toError(call, response.statusCode ?? 0, await textOf(response));
      for await (const chunk of response) if (chunk instanceof Buffer) yield chunk;
    } catch (error) {
      throw this.#explain(call, error);
    }
  }

  /** Gives both ways of the connection, from the answer on. */
  async upgrade(call: Call): Promise<Duplex> {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const body = bodyOf(call);
    const limit = AbortSignal.timeout(call.timeoutMs ?? UPGRADE_MS);
    const request = httpRequest({
      socketPath: this.#socketPath,
      method: call.method,
      path: `${API}${call.path}`,
      headers: { ...headersOf(call, body), connection: "upgrade", upgrade: "tcp" },
    });
    const end = (): void => void request.destroy(new DOMException("no answer", "TimeoutError"));
    for (const signal of [limit, call.signal]) signal.addEventListener("abort", end, { once: true });
    request.once("upgrade", (_response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once("response", (response) => {
      textOf(response).then((text) => reject(toError(call, response.statusCode ?? 0, text)), reject);
    });
    request.once("error", reject);
    request.end(body);
    try {
      return await promise;
    } catch (error) {
      throw this.#explain(call, error);
    } finally {
      for (const signal of [limit, call.signal]) signal.removeEventListener("abort", end);
    }
  }

  #open(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const body = bodyOf(call);
    const open = (): ClientRequest =>
      httpRequest({
        socketPath: this.#socketPath,
        agent: this.#agent,
        method: call.method,
        path: `${API}${call.path}`,
        signal,
        headers: headersOf(call, body),
      });
    // Podman's service ends when it is idle, so a kept connection may be closed. Reading again
    // changes nothing.
    return sendRequest(open, { body: call.stream ?? body, isRepeatable: call.method === "GET", signal });
  }

  /** The caller's abort passes through as it is; everything else becomes a PodmanError. */
  #explain(call: Call, error: unknown): unknown {
    if (error instanceof PodmanError) return error;
    if (call.signal.aborted) return call.signal.reason;
    // A time-out's cause has nothing to add; other causes repeat what the socket said.
    if (error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError")) {
      const detail = `no answer within ${Math.round((call.timeoutMs ?? 0) / 1000)} s`;
      const message = `failed to ${call.doing}: Podman gave ${detail}, see ${this.#units} on the device`;
      return new PodmanError(message, { code: "unreachable", detail });
    }
    const message = `failed to ${call.doing}: Podman does not answer at ${this.#socketPath}, see ${this.#units} on the device`;
    return new PodmanError(message, { code: "unreachable", detail: error instanceof Error ? error.message : String(error), cause: error });
  }
}

/**
 * Parses the first JSON document in a text: 4.9 can send two, one after the other, when something
 * is missing.
 */
export function parseAnswer<Schema extends z.ZodMiniType>(schema: Schema, text: string, doing: string): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    try {
      value = JSON.parse(text.split("\n").find((line) => line.trim() !== "") ?? "");
    } catch (cause) {
      throw new PodmanError(`failed to ${doing}: the answer is not JSON`, { code: "bad-answer", cause });
    }
  }
  // The number of values has no limit: one image with many labels must not hide all containers.
  const parsed = parse(schema, value, { values: Infinity });
  if (parsed.ok) return parsed.value;
  throw new PodmanError(`failed to ${doing}: the answer has another shape than expected: ${formatIssues(parsed.issues)}`, {
    code: "bad-answer",
  });
}

function bodyOf({ body }: Call): string | Uint8Array | undefined {
  return body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body);
}

function headersOf({ stream }: Call, body: string | Uint8Array | undefined): Record<string, string | number> {
  return {
    host: "podman",
    ...(stream === undefined ? {} : { "content-type": "application/x-tar" }),
    ...(body === undefined
      ? {}
      : {
          "content-type": typeof body === "string" ? "application/json" : "application/octet-stream",
          "content-length": Buffer.byteLength(body),
        }),
  };
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response) text = `${text}${String(chunk)}`.slice(0, ERROR_CHARACTERS);
  return text;
}

function tooLong({ doing }: Call): PodmanError {
  return new PodmanError(`failed to ${doing}: the answer is longer than ${ANSWER_LIMIT_BYTES / 1024 ** 2} MiB`, { code: "bad-answer" });
}

function isAccepted(call: Call, status: number): boolean {
  return (status >= 200 && status < 300) || (call.accept ?? []).includes(status);
}

function toError(call: Call, status: number, text: string): PodmanError {
  let said: z.output<typeof ApiError> = {};
  try {
    said = parseAnswer(ApiError, text, call.doing);
  } catch {
    // Some errors are no JSON; the text is then all there is.
  }
  const words = (said.message ?? said.cause ?? text).trim().replaceAll(/\s*\n\s*/g, " ");
  const detail = plainText(words, DETAIL_CHARACTERS);
  const code = codeOfAnswer(status, `${said.cause ?? ""} ${said.message ?? text}`);
  return new PodmanError(`failed to ${call.doing}`, { code, detail, cause: new Error(`${status}: ${detail}`) });
}
