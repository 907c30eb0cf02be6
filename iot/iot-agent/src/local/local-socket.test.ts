import { mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { asDeploymentName, Done, LOCAL_SOCKET_NAME } from "@iot/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectAgent } from "../commands/agent/agent-client.ts";
import { openLocalSocket } from "./local-socket.ts";

let folder: string;
let ended: AbortController;
let logged: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "socket-"));
  ended = new AbortController();
  logged = [];
});
afterEach(async () => {
  ended.abort();
  await rm(folder, { recursive: true });
});

function open(): Promise<void> {
  const actions = {
    names: () => [asDeploymentName("web")],
    status: () => {
      throw new Error("unasked");
    },
    history: async () => [],
    explain: () => Promise.reject(new Error("unasked")),
    hold: () => Promise.reject(new Error("unasked")),
    release: () => Promise.resolve(false),
    retry: () => Promise.resolve({ reason: "calibration", until: "2026-01-01T00:00:00Z" }),
    switchNow: () => false,
    clean: () => Promise.resolve(false),
    lookAtAll: () => undefined,
    refresh: () => Promise.resolve({ secrets: [], problems: [] }),
  };
  const log = createLog({ name: "test", format: "text", write: (line) => void logged.push(line) });
  return openLocalSocket({ folder, actions, log, signal: ended.signal });
}

test("a file of somebody at the socket's place is left, and the log says so", async () => {
  await writeFile(join(folder, LOCAL_SOCKET_NAME), "theirs");
  await open();
  expect(await readFile(join(folder, LOCAL_SOCKET_NAME), "utf8")).toBe("theirs");
  expect(logged.join("")).toContain("a file that is no socket is there: move it away");
});

test("a link at the socket's place goes, and what it names stays", async () => {
  await writeFile(join(folder, "theirs"), "theirs");
  await symlink(join(folder, "theirs"), join(folder, LOCAL_SOCKET_NAME));
  await open();
  expect((await stat(join(folder, LOCAL_SOCKET_NAME))).isSocket()).toBe(true);
  expect(await readFile(join(folder, "theirs"), "utf8")).toBe("theirs");
  expect(logged).toEqual([]);
});

test("what a person holds is not tried, and the answer says how the hold ends", async () => {
  await open();
  const asked = connectAgent({ runDir: folder }).ask(Done, { method: "POST", path: "/deployments/web/retry" });
  await expect(asked).rejects.toThrow('"web" is held by a person (calibration), and is not tried until then: iot-agent release web');
});

test("what waits for nothing is not switched, and the answer says how to look", async () => {
  await open();
  const asked = connectAgent({ runDir: folder }).ask(Done, { method: "POST", path: "/deployments/web/switch" });
  await expect(asked).rejects.toThrow('"web" waits for no container that is at work: iot-agent explain web says how it is');
});
