// Gives hints that a workload may have changed, from Podman's events. The stream breaks when
// Podman's service ends, and some events get lost, so its users list again from time to time.

import { backoffMs, systemClock } from "@harmony/runtime";
import type { Labels } from "../model/application.ts";
import type { Podman } from "../libpod/podman.ts";

/** The others (exec, health checks, attach …) change nothing that a plan looks at. */
const ACTIONS: ReadonlySet<string> = new Set([
  "create",
  "start",
  "died",
  "stop",
  "kill",
  "pause",
  "unpause",
  "rename",
  "remove",
  "restart",
  "health_status",
]);

/** `untilRestart`: aborted when Podman's service is to end, which the stream would hold up. */
export async function watch(
  { podman, labels, untilRestart }: { readonly podman: Podman; readonly labels: Labels; readonly untilRestart: () => AbortSignal },
  onChange: (name: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      for await (const { Action, Actor } of podman.containerEvents(AbortSignal.any([signal, untilRestart()]))) {
        failures = 0;
        const name = Actor.Attributes[labels.deployment];
        if (name !== undefined && ACTIONS.has(Action)) onChange(name);
      }
    } catch {
      // The reason does not matter: the stream is opened again, and every caller that needs Podman
      // finds the reason and reports it.
    }
    failures += 1;
    await systemClock.sleep(backoffMs(failures, { baseMs: 500, maxMs: 30_000 }), signal).catch(() => undefined);
  }
}
