// A request on a connection that was kept open and is closed while the request is written.

import { once } from "node:events";
import { Agent, type ClientRequest, createServer, type IncomingMessage, request as httpRequest } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { sendRequest } from "./send-request.ts";

/** Answers with the method and the body, and cuts off the second request of a connection. */
async function serviceThatClosesKept(): Promise<
  (method: string, more?: { body?: string | Readable; isRepeatable?: boolean }) => Promise<string>
> {
  const seen = new WeakMap<object, number>();
  const server = createServer((request, response) => {
    const count = (seen.get(request.socket) ?? 0) + 1;
    seen.set(request.socket, count);
    if (count > 1) request.socket.destroy();
    else void text(request).then((body) => response.end(`${request.method} ${body}`));
  });
  const folder = await mkdtemp(join(tmpdir(), "send-request-"));
  const socketPath = join(folder, "service.sock");
  server.listen(socketPath);
  await once(server, "listening");
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => {
    agent.destroy();
    server.close();
    return rm(folder, { recursive: true });
  });
  const { signal } = new AbortController();
  return async (method, { body, isRepeatable = false } = {}) =>
    text(await sendRequest(() => httpRequest({ socketPath, method, agent, signal }), { body, isRepeatable, signal }));
}

test("a request that may be repeated is made again on a fresh connection, another fails", async () => {
  const send = await serviceThatClosesKept();
  expect(await send("GET")).toBe("GET ");
  expect(await send("GET", { isRepeatable: true })).toBe("GET ");
  await expect(send("POST", { body: "x" })).rejects.toThrow("socket hang up");
});

test("a service that has closed all connections that were kept is asked on a fresh one", async () => {
  const send = await serviceThatClosesKept();
  expect(await Promise.all(Array.from({ length: 4 }, () => send("GET")))).toHaveLength(4);
  expect(await send("GET", { isRepeatable: true })).toBe("GET ");
});

test("a connection that ends after the head of an answer ends that answer, and nothing is asked again", async () => {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    if (requests === 1) response.end("first");
    // Its head, then a reset while the body is under way.
    else response.writeHead(200, { "content-length": "100" }).write("half");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => {
    agent.destroy();
    server.close();
  });
  const sent: ClientRequest[] = [];
  const send = (): Promise<IncomingMessage> =>
    sendRequest(
      () => {
        const request = httpRequest({ host: "127.0.0.1", port, agent });
        sent.push(request);
        return request;
      },
      { isRepeatable: true },
    );
  expect(await text(await send())).toBe("first");
  const half = await send();
  expect(sent.at(-1)?.reusedSocket).toBe(true);
  // As the system reports a write to a connection that was reset.
  sent.at(-1)?.emit("error", new Error("write ECONNRESET"));
  server.closeAllConnections();
  await expect(text(half)).rejects.toThrow("aborted");
  expect(sent).toHaveLength(2);
});

test("a body may be a stream", async () => {
  const send = await serviceThatClosesKept();
  expect(await send("POST", { body: Readable.from(["a", "b"]) })).toBe("POST ab");
});

test("what was aborted before is not sent", async () => {
  const open = (): never => {
    throw new Error("it was opened");
  };
  await expect(sendRequest(open, { isRepeatable: true, signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});
