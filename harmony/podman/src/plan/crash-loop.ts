// Gives a service that keeps ending, and has no older version to go back to, time between its
// tries, since Podman's own restarts have no pause and would wear out the card. The service is
// stopped, the journal says when it is started again, and it is never given up.

import type { Container } from "../model/snapshot.ts";
import type { Crash } from "../model/swap-record.ts";

/**
 * So many of Podman's own restarts within some minutes (observe.ts) are more than a service needs
 * that waits for the start of another.
 */
export const QUICK_RESTARTS = 5;
const BACKOFF = { baseMs: 10_000, maxMs: 300_000 };
/** A service that has been up for so long without an end has recovered. */
const RECOVERED_MS = 60_000;

export type CrashNeed =
  | { readonly kind: "nothing" }
  /** `crash` is to be recorded first; null: it is recorded. */
  | { readonly kind: "stop"; readonly crash: Crash | null }
  | { readonly kind: "start" }
  | { readonly kind: "wait"; readonly againInMs: number }
  | { readonly kind: "recovered" };

export function crashNeed(container: Container, crash: Crash | undefined, nowMs: number): CrashNeed {
  const { state, restarts, recentRestarts, startedAtMs } = container;
  const startAtMs = crash === undefined ? 0 : Date.parse(crash.startAt);
  if (state === "running") {
    const isEnding = crash === undefined ? recentRestarts >= QUICK_RESTARTS : restarts > 0;
    if (isEnding) return { kind: "stop", crash: nowMs < startAtMs ? null : nextCrash(container, crash, nowMs) };
    if (crash === undefined) return { kind: "nothing" };
    const upMs = nowMs - (startedAtMs ?? nowMs);
    return upMs >= RECOVERED_MS ? { kind: "recovered" } : { kind: "wait", againInMs: RECOVERED_MS - upMs };
  }
  if (crash === undefined || state !== "exited") return { kind: "nothing" };
  const againInMs = startAtMs - nowMs;
  // A clock that was set back must not keep it down.
  return againInMs <= 0 || againInMs > BACKOFF.maxMs ? { kind: "start" } : { kind: "wait", againInMs };
}

function nextCrash({ exitCode, lastLines }: Container, crash: Crash | undefined, nowMs: number): Crash {
  const count = (crash?.count ?? 0) + 1;
  const backoffMs = Math.min(BACKOFF.maxMs, BACKOFF.baseMs * 2 ** Math.min(count - 1, 10));
  return { count, startAt: new Date(nowMs + backoffMs).toISOString(), exitCode, lastLine: lastLines.at(-1) ?? "" };
}
