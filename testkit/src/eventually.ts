// Waits for the world to become what a test expects, by looking at it again and again. A probe that
// throws or answers nothing (`undefined`, `null`, `false`) has not succeeded yet. At the time-out
// the error repeats the probe's last answer, because "timed out" alone explains nothing.

import { inspect } from "node:util";
import { setTimeout as pause } from "node:timers/promises";

export interface EventuallyOptions {
  /** What is awaited, for the error: "the container answers". */
  readonly what?: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

export async function eventually<T>(
  probe: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<Awaited<T>, undefined | null | false>> {
  const { what = "the condition", timeoutMs = 10_000, intervalMs = 50 } = options;
  const deadline = performance.now() + timeoutMs;
  let last: { readonly threw: unknown } | { readonly answered: unknown } = { answered: "nothing yet" };
  for (;;) {
    const attempt = await attemptBefore(probe, deadline);
    if ("answered" in attempt && isSuccess(attempt.answered)) return attempt.answered;
    // A probe that was cut off says less than the one before it.
    if (!("cutOff" in attempt)) last = attempt;
    if (performance.now() >= deadline) break;
    await pause(Math.min(intervalMs, Math.max(1, deadline - performance.now())));
  }
  if ("threw" in last) {
    const reason = last.threw instanceof Error ? last.threw.message : inspect(last.threw);
    throw new Error(`${what}: not within ${timeoutMs} ms; last error: ${reason}`, { cause: last.threw });
  }
  throw new Error(`${what}: not within ${timeoutMs} ms; last answer: ${inspect(last.answered, { depth: 4 })}`);
}

type Attempt<T> = { readonly answered: T } | { readonly threw: unknown } | { readonly cutOff: true };

function isSuccess<T>(value: T): value is Exclude<T, undefined | null | false> {
  return value !== undefined && value !== null && value !== false;
}

async function attemptBefore<T>(probe: () => T | Promise<T>, deadline: number): Promise<Attempt<Awaited<T>>> {
  const abort = new AbortController();
  const cutOff = pause(Math.max(1, deadline - performance.now()), { cutOff: true } as const, { signal: abort.signal }).catch(
    () => ({ cutOff: true }) as const,
  );
  const answer = (async (): Promise<Attempt<Awaited<T>>> => {
    try {
      return { answered: await probe() };
    } catch (error) {
      return { threw: error };
    }
  })();
  const attempt = await Promise.race([answer, cutOff]);
  abort.abort();
  return attempt;
}
