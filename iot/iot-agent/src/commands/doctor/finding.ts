// What a check of `iot-agent doctor` found: good, or with what would fix it.

export interface Finding {
  /** What was looked at, in two or three words. */
  readonly check: string;
  /** `warning`: it works, or nobody needs it now. */
  readonly verdict: "good" | "warning" | "bad";
  readonly says: string;
  /** The command, or the sentence, that fixes it. */
  readonly mend?: string;
}

export function good(check: string, says: string): Finding {
  return { check, verdict: "good", says };
}

export function warning(check: string, says: string, mend: string): Finding {
  return { check, verdict: "warning", says, mend };
}

export function bad(check: string, says: string, mend: string): Finding {
  return { check, verdict: "bad", says, mend };
}
