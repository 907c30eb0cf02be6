// HTTPS, as far as strangers can reach it: a request is bounded in its size and time before a route
// sees it, and a fault of ours is a sentence without its inside. Without a certificate it listens
// on this machine alone.

import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { Server } from "node:net";
import type { Log } from "@harmony/runtime";
import { type Answer, refuse } from "./answer.ts";

export interface Asked {
  readonly query: URLSearchParams;
  readonly authorization: string;
  readonly address: string;
  readonly body: Uint8Array;
}

export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `/v1/devices/:`, where `:` is one name; of two routes that fit, the first. */
  readonly path: string;
  answer(asked: Asked, name: string): Promise<Answer> | Answer;
}

/** PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface HttpOptions {
  readonly host: string;
  /** 0: chosen by the operating system. */
  readonly port: number;
  /** null: without TLS. */
  readonly tls: Certificate | null;
  /** null: they are not there yet. */
  readonly routes: () => readonly Route[] | null;
  readonly log: Log;
}

export interface HttpServer {
  readonly port: number;
  /** For connections from here on. @throws Error when the two do not belong together. */
  useCertificate(certificate: Certificate): void;
  close(): Promise<void>;
}

const BODY_BYTES = 16_384;
const CONNECTIONS = 1_000;
const RETRY_AFTER_S = 5;

export async function serveHttp({ host, port, tls, routes, log }: HttpOptions): Promise<HttpServer> {
  const listener: RequestListener = (request, response) => {
    respond(request, response, routes()).catch((error: unknown) => {
      log.error("a request could not be answered", { method: request.method, path: pathOf(request), error });
      const why = "the service cannot do this now, see its log: ask again";
      send(response, refuse({ status: 503, why, retryAfterS: RETRY_AFTER_S }));
    });
  };
  const times = { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000 };
  const secured = tls === null ? null : createHttps({ ...times, ...tls, minVersion: "TLSv1.2", handshakeTimeout: 10_000 }, listener);
  const server: Server & { closeAllConnections(): void } = secured ?? createHttp(times, listener);
  server.maxConnections = CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    port: portOf(server),
    useCertificate: (certificate) => secured?.setSecureContext({ ...certificate, minVersion: "TLSv1.2" }),
    close: async () => {
      const done = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await done;
    },
  };
}

async function respond(request: IncomingMessage, response: ServerResponse, routes: readonly Route[] | null): Promise<void> {
  const path = pathOf(request);
  if (routes === null && path !== "/healthz") {
    return send(response, refuse({ status: 503, why: "the service has not reached NATS yet: ask again", retryAfterS: RETRY_AFTER_S }));
  }
  const body = await bodyOf(request);
  if (body === null) {
    response.setHeader("connection", "close");
    return send(
      response,
      refuse({ status: 413, why: `the request has more than ${BODY_BYTES} bytes: nothing that is asked here needs more` }),
    );
  }
  if (path === "/healthz") return send(response, { status: 200, body: {} });
  const fitting = (routes ?? []).flatMap((route) => {
    const name = nameIn(route.path, path);
    return name === null ? [] : [{ route, name }];
  });
  const found = fitting.find(({ route }) => route.method === request.method);
  if (found === undefined) {
    const [status, why] = fitting.length > 0 ? [405, "this is asked by another method"] : [404, "there is nothing here"];
    return send(response, refuse({ status, why: `${why}: compare the versions of both sides` }));
  }
  const asked: Asked = {
    query: new URLSearchParams(request.url?.split("?", 2)[1] ?? ""),
    authorization: request.headers.authorization ?? "",
    address: request.socket.remoteAddress ?? "",
    body,
  };
  send(response, await found.route.answer(asked, found.name));
}

/** null: it is longer than is read. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes > BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    ...headers,
  });
  response.end(text);
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split("?", 1)[0] ?? "";
}

/** The name at `:`, empty without one; null: it is another path. */
function nameIn(template: string, path: string): string | null {
  const [expected, found] = [template.split("/"), path.split("/")];
  if (expected.length !== found.length) return null;
  let name = "";
  for (const [index, part] of expected.entries()) {
    const present = found[index] ?? "";
    if (part === ":") name = present;
    else if (part !== present) return null;
  }
  return name;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
