// What is said when Podman's socket is there and nobody answers, or is not there at all: the sentences that a site engineer reads.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText } from "@harmony/runtime";
import { expect, onTestFinished, test } from "vitest";
import { LibpodHttp } from "./libpod-http.ts";

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
