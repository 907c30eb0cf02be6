// The agent's own files, each with every field.

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { asDeploymentName } from "@iot/contracts";
import { makeTempFolder } from "@iot/testkit";
import { History } from "../../src/status/history.ts";
import { Holds } from "../../src/reconcile/holds.ts";
import { StateStore } from "../../src/desired/state-store.ts";

export const FIXTURE: string = join(import.meta.dirname, "v0.1.0.json");

export type Files = Readonly<Record<string, { readonly mode: string; readonly text: string }>>;

const hello = asDeploymentName("hello");
const AT_MS = Date.UTC(2026, 0, 1);
const score = (revision: number) => ({ revision, scoreString: '{"type":"PodmanV0","data":{}}' });

export async function whatIsWritten(): Promise<Files> {
  const temporary = await makeTempFolder("kept");
  const folder = temporary.path;
  const log = createLog({ name: "kept", write: () => undefined });
  try {
    await new StateStore({ folder, log }).save({
      format: 1,
      device: "pi-1",
      manifest: { revision: 9, writtenAt: "2026-01-01T00:00:00.000Z" },
      deployments: {
        hello: {
          entry: {
            revision: 8,
            generation: 2,
            uid: "uid-plant-hello",
            source: "git:demo",
            namespace: "plant",
            commit: "0123456789abcdef0123456789abcdef01234567",
            createdAt: "2025-12-31T00:00:00Z",
            restartedAt: "2026-01-01T00:00:00Z",
            paused: false,
          },
          score: score(8),
          accepted: score(7),
          removing: false,
        },
        gone: {
          entry: { revision: 3, generation: 1, uid: "uid-plant-gone", source: "git:demo", namespace: "plant" },
          score: null,
          removing: true,
        },
      },
    });
    const now = () => ({ uptimeMs: 5_000, wallMs: AT_MS });
    const holds = new Holds({ folder, bootId: "00000000-0000-4000-8000-000000000001", log, now });
    await holds.hold(hello, { forMs: 3_600_000, reason: "serial port" });
    await holds.close();
    const history = new History({ folder, log });
    await history.load();
    const at = new Date(AT_MS).toISOString();
    history.add({ at, deployment: hello, phase: "Running", reason: "Running", message: "running x:1", revision: 8 });
    history.add({ at, deployment: "gone", phase: null, reason: "Removed", message: "removed", revision: null });
    await history.close();
    return await filesIn(folder);
  } finally {
    await temporary.remove();
  }
}

async function filesIn(folder: string): Promise<Files> {
  const names = (await readdir(folder)).toSorted();
  const files = names.map(async (name) => {
    const path = join(folder, name);
    return [name, { mode: `0${((await stat(path)).mode & 0o777).toString(8)}`, text: await readFile(path, "utf8") }] as const;
  });
  return Object.fromEntries(await Promise.all(files));
}
