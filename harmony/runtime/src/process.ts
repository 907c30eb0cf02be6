// The life of a process: it runs until it is done or asked to end, and says in one line why it
// cannot go on.

import type { Log } from "./log.ts";

/** sysexits.h: the configuration is wrong, and trying again without a change is no use. */
export const EX_CONFIG = 78;

/** A mistake of the person who started the process: printed as one line without a stack. */
export class UserError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.name = "UserError";
    this.exitCode = exitCode;
  }
}

/**
 * Calls `main` with a signal that SIGTERM and SIGINT abort, and exits with 0 when it returns, or
 * with the error's code. After such a signal the process is gone within `graceMs`.
 */
export async function runUntilSignalled(
  main: (signal: AbortSignal) => Promise<void>,
  options: { readonly log: Log; readonly graceMs?: number },
): Promise<never> {
  const { log, graceMs = 4_000 } = options;
  const controller = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.once(name, () => {
      controller.abort(new Error(name));
      setTimeout(() => process.exit(0), graceMs).unref();
    });
  }
  try {
    await main(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) {
      if (error instanceof UserError) {
        log.error(error.message);
        process.exit(error.exitCode);
      }
      log.error("ended by an unexpected error", { error, stack: error instanceof Error ? error.stack : undefined });
      process.exit(1);
    }
  }
  process.exit(0);
}
