// Whether a process can hear a signal: the kernel drops one that process 1 of a container neither
// catches nor takes from a queue, since nothing there has Linux's default action. A shell without a
// trap, sleep and tail are such.

import { readFile } from "node:fs/promises";
import { constants } from "node:os";

const SIGNALS: Readonly<Record<string, number>> = constants.signals;
const FIRST_REAL_TIME = 34;

/** As Podman says it: a number (4.x), `SIGTERM`, `TERM` or `SIGRTMIN+3`. null: it is none. */
export function signalNumber(said: string | number): number | null {
  const text = String(said).toUpperCase().replace(/^SIG/, "");
  if (/^\d+$/.test(text)) return Number(text);
  const realTime = /^RTMIN(?:\+(\d+))?$/.exec(text);
  if (realTime !== null) return FIRST_REAL_TIME + Number(realTime[1] ?? 0);
  return SIGNALS[`SIG${text}`] ?? null;
}

/** `status`: /proc/PID/status. null: it does not say. Pure. */
export function hearsSignal(status: string, signal: number): boolean | null {
  const masks = ["SigCgt", "SigBlk"].map((name) => new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1]);
  if (masks.some((mask) => mask === undefined) || signal < 1) return null;
  return masks.some((mask) => ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n);
}

/** null: it is not known, as of a process that has ended or that is another user's. */
export async function processHears(statusFile: string, signal: number): Promise<boolean | null> {
  const status = await readFile(statusFile, "utf8").catch(() => null);
  return status === null ? null : hearsSignal(status, signal);
}
