// A garbage collection once the agent has started, the thorough kind that also drops what was
// compiled for the start alone, and one now and then: 3 MB of private memory that V8 would keep,
// since an idle process hardly ever collects. Reached by a flag set late: `--expose-gc` at the
// start costs 6 to 12 ms there (measured).

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const AFTER_START_MS = 5_000;
/**
 * V8's space for what is new fills in a minute, and keeps its 2 MB until it is collected
 * thoroughly.
 */
const EVERY_MS = 2 * 60_000;

/** 30 ms each time. */
export function collectGarbage(): void {
  const collect = (): void => {
    setFlagsFromString("--expose-gc");
    runInNewContext("gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })");
  };
  setTimeout(collect, AFTER_START_MS).unref();
  setInterval(collect, EVERY_MS).unref();
}
