// Ends a command that nobody waits for any more: Podman lets it run for ever, and a shell that was
// left would stay in its container. It gets SIGHUP, as by a terminal that was closed. Its process
// id is believed only if its parent is the conmon of this very exec, since a number may be another
// process's by now.

import { readFile } from "node:fs/promises";
import type { Podman } from "../libpod/podman.ts";

const WITHIN_MS = 10_000;

/** Never rejects: whoever left does not wait for it. */
export async function hangUp(podman: Podman, id: string): Promise<void> {
  try {
    const { pid, isRunning } = await podman.execState(id, AbortSignal.timeout(WITHIN_MS));
    if (isRunning && pid > 1 && (await isOfExec(pid, id))) process.kill(pid, "SIGHUP");
  } catch {
    // It has ended meanwhile, or Podman is away.
  }
}

async function isOfExec(pid: number, id: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
  const command = await readFile(`/proc/${parent}/cmdline`, "utf8");
  const [program = "", ...options] = command.split("\0");
  return program.endsWith("conmon") && options.includes(id);
}
