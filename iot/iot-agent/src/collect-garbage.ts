// One garbage collection once the agent has started: what it needed to start with is 2 MB of private memory that V8 would keep, since
// an idle process never collects. Reached by a flag set late: `--expose-gc` at the start costs 6 to 12 ms there (measured).

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const AFTER_START_MS = 5_000;

export function collectGarbageOnce(): void {
  setTimeout(() => {
    setFlagsFromString("--expose-gc");
    runInNewContext("gc()");
  }, AFTER_START_MS).unref();
}
