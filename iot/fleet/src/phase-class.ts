// What a phase means for whoever waits for a deployment, once for the operator, `iot` and the
// agent. A phase is text on the wire: one that this program does not know was made by a newer
// agent, and is neither success nor failure, so its deadline runs.

import type { Phase } from "@harmony/core";

/**
 * `fine`: runs what is desired. `under-way`: it may still succeed, up to a deadline. `trouble`:
 * wants a person, or another Score.
 */
export type PhaseClass = "fine" | "under-way" | "trouble";

const CLASSES: Readonly<Record<Phase, PhaseClass>> = {
  Pending: "under-way",
  Pulling: "under-way",
  Starting: "under-way",
  Running: "fine",
  Degraded: "trouble",
  Stopping: "under-way",
  RolledBack: "trouble",
  Failed: "trouble",
  Rejected: "trouble",
  Blocked: "trouble",
  Held: "under-way",
  Removing: "under-way",
};

export function classOfPhase(phase: string): PhaseClass {
  return isKnown(phase) ? CLASSES[phase] : "under-way";
}

function isKnown(phase: string): phase is Phase {
  return Object.hasOwn(CLASSES, phase);
}
