// The sentences that a site engineer reads when Podman's socket exists and nobody answers, or does
// not exist at all.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText } from "@harmony/runtime";
import { expect, onTestFinished, test } from "vitest";
import { LibpodHttp } from "./libpod-http.ts";
import { connectPodman } from "./podman.ts";

const PODMAN_UNITS = "`sudo systemctl --user --machine=someone@ status podman.socket podman.service`";
const call = { method: "GET", path: "/_ping", doing: "list containers", signal: new AbortController().signal, timeoutMs: 1_000 } as const;

async function socketPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "libpod-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, "podman.sock");
}

async function failure(path: string): Promise<unknown> {
  return new LibpodHttp({ socketPath: path, user: "someone" }).call(call).catch((error: unknown) => error);
}

test("a Podman that hangs is given up after the time-out, and the sentence says so once", async () => {
  const path = await socketPath();
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(path, resolve));
  onTestFinished(() => void silent.close());
  const error = await failure(path);
  expect(error).toMatchObject({ code: "unreachable", retry: "backoff", detail: "no answer within 1 s" });
  expect(errorText(error)).toBe(`failed to list containers: Podman gave no answer within 1 s, see ${PODMAN_UNITS} on the device`);
});

test("a socket that is gone is named, with where to look", async () => {
  const path = await socketPath();
  const error = await failure(path);
  expect(error).toMatchObject({ code: "unreachable", retry: "backoff", detail: `connect ENOENT ${path}` });
  expect(errorText(error)).toBe(
    `failed to list containers: Podman does not answer at ${path}, see ${PODMAN_UNITS} on the device: connect ENOENT ${path}`,
  );
});

/** Answers each call with these bytes, again and again, until nobody reads any more. */
async function endless(bytes: Buffer): Promise<string> {
  const path = await socketPath();
  const server = createHttpServer((_request, response) => {
    const send = (): void => {
      while (!response.destroyed && response.write(bytes));
    };
    response.on("drain", send).on("error", () => undefined);
    send();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return path;
}

test("an answer without an end is refused, and so is a line without one", async () => {
  const http = new LibpodHttp({ socketPath: await endless(Buffer.alloc(1024 * 1024, "x")), user: "someone" });
  const patient = { ...call, timeoutMs: 60_000 };
  const refused = { code: "bad-answer", message: "failed to list containers: the answer is longer than 16 MiB" };
  await expect(http.call(patient)).rejects.toMatchObject(refused);
  await expect(http.lines(patient).next()).rejects.toMatchObject(refused);
});

test("of a log without an end, and with words for a terminal, a few plain lines are read", async () => {
  const line = Buffer.from(`\u001b[2Jdown\r${"x".repeat(2_000)}\n`);
  const frame = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, line.length >> 8, line.length & 0xff]), line]);
  const podman = connectPodman({ socketPath: await endless(frame), user: "someone" });
  const lines = await podman.containerLog("hello_web", 5, call.signal);
  expect(lines[0]).toBe(`down ${"x".repeat(494)}…`);
  expect(lines.length).toBeLessThan(2_000);
});
