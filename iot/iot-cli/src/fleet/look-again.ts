// Looks again and again, for `-w`. On a terminal the newest is all that is seen; elsewhere each
// that differs in more than its ages.

import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "@harmony/runtime";
import type { Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";

const LOOK_EVERY_MS = 2_000;
const CLEAR = "\u001b[H\u001b[J";

/** Until the signal is aborted. `render` reads, and gives the text. */
export async function lookAgain(render: () => Promise<string>, at: Surroundings): Promise<number> {
  for (let seen = ""; ; await pause(LOOK_EVERY_MS, undefined, { signal: at.signal })) {
    let text: string;
    try {
      text = await render();
    } catch (error) {
      if (!(error instanceof UserError) || error.exitCode !== EXIT.notReached) throw error;
      text = `${error.message}\n`;
    }
    const known = text.replaceAll(/\d+ (s|min|h|d)\b/g, "");
    if (at.isTerminal) at.write(`${CLEAR}${text}`);
    else if (known !== seen) at.write(`${text}\n`);
    seen = known;
  }
}
