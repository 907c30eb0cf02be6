// What the Score's own variant says of it, which else only a device would find.

import type { Issue } from "@harmony/core";
import { podmanV0 } from "@harmony/podman";
import { nearName } from "@harmony/schema";
import { IOT_AGENT } from "@iot/contracts";
import type { Finding } from "./finding.ts";
import type { Linted } from "./linted.ts";

/** The variant that this version knows: what a device does with others is its agent's to say. */
const PODMAN_V0 = podmanV0(IOT_AGENT);
const TYPE = ["spec", "score", "type"];
export const DATA: readonly string[] = ["spec", "score", "data"];

export type PodmanScore = Extract<ReturnType<typeof PODMAN_V0.parse>, { readonly ok: true }>["value"];

interface ScoreIssue extends Issue {
  readonly severity: Finding["severity"];
}

export function scoreIssues({ score }: Linted): ScoreIssue[] {
  if (score === null) return [];
  const isKnown = score.type === PODMAN_V0.type;
  if (!isKnown && !isMisspelt(score.type)) {
    const message = `this version of iot does not know the Score type "${score.type}" (it knows ${PODMAN_V0.type}); a device may`;
    return [{ severity: "warning", path: TYPE, message }];
  }
  const typo = `no device knows the Score type "${score.type}": do you mean ${PODMAN_V0.type}?`;
  const parsed = PODMAN_V0.parse(score.data);
  const issues = parsed.ok ? [] : parsed.issues;
  return [
    ...(isKnown ? [] : [{ severity: "error" as const, path: TYPE, message: typo }]),
    ...issues.map(({ path, message }) => ({ severity: "error" as const, path: [...DATA, ...path], message })),
  ];
}

/** PodmanV1 is no typo: it may be of a newer agent. */
function isMisspelt(type: string): boolean {
  return nearName(type, [PODMAN_V0.type]) !== null && type.replaceAll(/\D/g, "") === PODMAN_V0.type.replaceAll(/\D/g, "");
}

/** null: it is another variant's, or not right. */
export function podmanScoreOf({ score }: Linted): PodmanScore | null {
  if (score?.type !== PODMAN_V0.type) return null;
  const parsed = PODMAN_V0.parse(score.data);
  return parsed.ok ? parsed.value : null;
}
