// Stops a service that keeps ending, after recording when it is started again (crash-loop.ts).

import type { Situation } from "./situation.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { stop } from "./swap.ts";
import { journal } from "./trial.ts";

export const pauseCrashLoop: Stage<Situation> = {
  name: "pause-crash-loop",
  purpose: "a service keeps ending, and is given time before its next try",
  plan({ deployment, kept, snapshot: { record } }) {
    const ending = kept.flatMap(({ service, current, crash }) => (crash.kind === "stop" ? [{ service, current, crash: crash.crash }] : []));
    const entries = ending.flatMap(({ service, crash }) => (crash === null ? [] : [[service.name, crash] as const]));
    const crashes = { ...record.crashes, ...Object.fromEntries(entries) };
    return stepsOr(
      [
        ...(entries.length === 0 ? [] : [journal(deployment, { record: { ...record, crashes }, why: "a service keeps ending" })]),
        ...ending.flatMap(({ current }) => stop(current)),
      ],
      "no service keeps ending",
    );
  },
};
