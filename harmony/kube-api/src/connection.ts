// One API server over HTTP, on connections that are kept open: the official client opens a TLS
// connection for each request. The client's configuration gives certificates, tokens and proxies
// anew for every request, so that rotated ones are used.

import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { text as textOf } from "node:stream/consumers";
import { sendRequest } from "@harmony/runtime";
import { parse } from "@harmony/schema";
import type { KubeConfig } from "@kubernetes/client-node";
import * as z from "zod/mini";
import { codeOfStatus, KubernetesError } from "./kubernetes-error.ts";

export interface KubernetesRequest {
  readonly method: "GET" | "PATCH" | "POST";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: { readonly type: string; readonly value: unknown };
  /** The deed in words, for the error: "list deployments.example.org". */
  readonly what: string;
  readonly signal: AbortSignal;
  /** The limit for the whole answer of `request`, and for the head of that of `stream`. */
  readonly timeoutMs?: number;
}

export interface KubernetesConnection {
  /** The address, for people. */
  readonly server: string;
  /** Gives the answer, parsed from JSON. */
  request(request: KubernetesRequest): Promise<unknown>;
  /** Gives one JSON value a line, as a watch answers, until the server ends it. */
  stream(request: KubernetesRequest): Promise<AsyncIterable<unknown>>;
  close(): void;
}

/** The API server's account of a failure. */
export const KubernetesStatus = z.looseObject({
  kind: z.literal("Status"),
  code: z.optional(z.int()),
  reason: z.optional(z.string()),
  message: z.optional(z.string()),
});

const REQUEST_TIMEOUT_MS = 30_000;
/**
 * Finds a connection that died in silence: this long until the first probe, then libuv probes ten
 * times, one a second.
 */
const KEEP_ALIVE_MS = 30_000;

/** `userAgent`: the API server logs it with each request. */
export function connectKubernetes(config: KubeConfig, userAgent: string): KubernetesConnection {
  const cluster = config.getCurrentCluster();
  const server = (cluster?.server ?? "").replace(/\/+$/, "");
  const proxied = cluster?.proxyUrl !== undefined;
  const agentOptions = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: 32 };
  const agent = server.startsWith("http:") ? new http.Agent(agentOptions) : new https.Agent(agentOptions);

  const open = async (request: KubernetesRequest, signal: AbortSignal): Promise<IncomingMessage> => {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body.value));
    const headers: http.OutgoingHttpHeaders = { accept: "application/json", "user-agent": userAgent };
    if (request.body !== undefined) headers["content-type"] = request.body.type;
    if (body !== undefined) headers["content-length"] = body.length;
    // The client adds its authorization to these headers.
    const options: https.RequestOptions = { headers };
    try {
      await config.applyToHTTPSOptions(options);
    } catch (cause) {
      throw new KubernetesError("Unauthorized", `failed to ${request.what}: no credentials for ${server} could be had`, { cause });
    }
    // The sockets are kept by certificate, so that the agent needs none of its own. The client
    // makes the agent for a proxy.
    if (!proxied) options.agent = agent;
    const url = new URL(server + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const { request: begin } = url.protocol === "http:" ? http : https;
    const { method } = request;
    // All our requests can be repeated: an object that was made already is a conflict.
    return await sendRequest(() => begin(url, { ...options, method, signal }), { body, isRepeatable: true, signal });
  };

  const answer = async (request: KubernetesRequest, signal: AbortSignal): Promise<IncomingMessage> => {
    const response = await open(request, signal);
    response.setEncoding("utf8");
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const text = await textOf(response);
    const said = parse(KubernetesStatus, parsedOrNull(text));
    const message = said.ok ? (said.value.message ?? said.value.reason ?? "") : text.slice(0, 200).trim();
    const seconds = Number(response.headers["retry-after"] ?? Number.NaN);
    throw new KubernetesError(
      codeOfStatus(status),
      `failed to ${request.what}: ${server} answered ${status} ${http.STATUS_CODES[status] ?? ""}${message === "" ? "" : `: ${message}`}`,
      { retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : null },
    );
  };

  /** Runs `get` with a time limit, and turns what the network says into our error. */
  const limited = async <T>(request: KubernetesRequest, get: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const { signal, timeoutMs = REQUEST_TIMEOUT_MS, what } = request;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    try {
      return await get(AbortSignal.any([signal, limit.signal]));
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof KubernetesError) throw cause;
      if (limit.signal.aborted) throw new KubernetesError("Timeout", `failed to ${what}: no answer from ${server} within ${timeoutMs} ms`);
      throw new KubernetesError("Unreachable", `failed to ${what}: ${server} cannot be reached`, { cause });
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    server,
    request: async (request) => {
      const text = await limited(request, async (signal) => await textOf(await answer(request, signal)));
      try {
        const value: unknown = JSON.parse(text);
        return value;
      } catch (cause) {
        throw new KubernetesError("BadAnswer", `failed to ${request.what}: ${server} answered something that is not JSON`, { cause });
      }
    },
    stream: async (request) => jsonLines(await limited(request, async (signal) => await answer(request, signal)), request.signal),
    close: () => agent.destroy(),
  };
}

async function* jsonLines(response: IncomingMessage, signal: AbortSignal): AsyncGenerator {
  let rest = "";
  const abort = (): void => void response.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") yield parsedOrNull(line);
    }
  } finally {
    signal.removeEventListener("abort", abort);
    response.destroy();
  }
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
