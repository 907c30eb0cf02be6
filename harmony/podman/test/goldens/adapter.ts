// The only place where the goldens touch the product: from a stored input to the result of planner,
// report and explanation. Inputs are stored as v0.1.0 has them. Code with another name for a field
// of the Snapshot maps it here, and the stored file stays as it is.

import type { Desired, Outcome } from "@harmony/core";
import * as z from "zod/mini";
import { APPLICATION } from "../application.ts";
import { imageReference } from "../../src/model/names.ts";
import { isCheckOverdue } from "../../src/model/health.ts";
import type { Container, Snapshot } from "../../src/model/snapshot.ts";
import { plan } from "../../src/plan/planner.ts";
import type { Step } from "../../src/model/step.ts";
import { explain } from "../../src/report/explain.ts";
import { report } from "../../src/report/report.ts";
import { podmanV0Parser } from "../../src/score/parse-podman-v0.ts";
import { scoreOfLabel } from "../../src/score/score-label.ts";
import type { PodmanV0 } from "../../src/score/podman-v0-schema.ts";

/** inputs.ts needs these parts of the product to make inputs anew. */
export { type Container, imageReference, plan, scoreOfLabel, type Snapshot };

/** Sentences give times in the time zone of the device. */
process.env["TZ"] = "UTC";

export const GOLDENS_FILE: string = new URL("v0.1.0.jsonl.gz", import.meta.url).pathname;

/** A Snapshot as v0.1.0 had it. */
export type StoredSnapshot = Omit<Snapshot, "imageFacts" | "application" | "isReserveNeeded" | "neighbours" | "containers"> & {
  readonly containers: readonly Omit<Container, "imageVolumes" | "lastCheck" | "silentMs">[];
  readonly care: Snapshot["imageFacts"];
};

export function snapshotOf({ care, containers: stored, ...rest }: StoredSnapshot): Snapshot {
  const containers = stored.map((container) => withoutDeadline({ ...container, imageVolumes: [], lastCheck: null, silentMs: 0 }));
  return { ...rest, containers, imageFacts: care, application: APPLICATION, isReserveNeeded: false, neighbours: [] };
}

/** v0.1.0 gave a health check no time in which it had to answer, but for a version on trial. */
function withoutDeadline(container: Container): Container {
  const services = scoreOfLabel(container.scoreString)?.services ?? [];
  const isOverdue = container.health === "starting" && services.some((service) => isCheckOverdue(service, container));
  return isOverdue ? { ...container, upMs: 0 } : container;
}

export function storedOf({ imageFacts: care, application: _, isReserveNeeded: __, neighbours: ___, ...rest }: Snapshot): StoredSnapshot {
  return { ...rest, care };
}

/** A step as v0.1.0 called it. */
function storedStep(step: Step): object {
  switch (step.kind) {
    case "repairImage": {
      const { repair: cure, ...rest } = step;
      return { ...rest, kind: "mend", cure };
    }
    case "pruneImages":
      return { ...step, kind: "makeRoom" };
    case "repairSecretStore":
      return { ...step, kind: "mendSecretStore" };
    default:
      return step;
  }
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

export const Input = z.object({
  desired: z.object({
    name: z.string(),
    revision: z.string(),
    scoreString: z.string(),
    isRemoval: z.boolean(),
    hold: z.nullable(z.object({ reason: z.string(), until: z.string() })),
  }),
  snapshot: z.custom<StoredSnapshot>(isObject),
});
export type Input = z.output<typeof Input>;

const ScoreText = z.object({ data: z.unknown() });

export function desiredOf({ name, revision, scoreString, isRemoval, hold }: Input["desired"]): Desired<PodmanV0> {
  return { name, revision, scoreString, hold, data: isRemoval ? null : scoreOf(scoreString) };
}

function scoreOf(scoreString: string): PodmanV0 {
  const parsed = podmanV0Parser(APPLICATION)(z.parse(ScoreText, JSON.parse(scoreString)).data);
  if (!parsed.ok) throw new Error(`the Score of a golden does not parse: ${JSON.stringify(parsed.issues)}`);
  return parsed.value;
}

const TROUBLE: readonly Outcome[] = (["blocked", "failed", "rejected"] as const).map((kind) => ({
  kind,
  subject: "web",
  reason: "Trouble",
  message: "it does not go on",
}));

/**
 * Everything that a person can see of one pass: the steps, and the report before it, while each
 * step runs, and after one that fails.
 */
export function run(stored: unknown): object {
  const input = z.parse(Input, stored);
  const snapshot = snapshotOf(input.snapshot);
  const desired = desiredOf(input.desired);
  const planned = plan(desired, snapshot);
  const { steps, blocked, recheckAfterMs } = planned;
  const reportOf = (outcomes: readonly Outcome[], doing: { step: Step; progress: string } | null) =>
    report({ desired, snapshot, plan: planned, outcomes, doing });
  const { observed: told, planned: plannedInWords } = explain(desired, snapshot, planned);
  // v0.1.0 did not say which services have no limit of memory (ADR 35).
  const observed = told.filter((line) => !line.startsWith("no limit of memory"));
  return {
    plan: { steps: steps.map(storedStep), blocked, recheckAfterMs },
    report: reportOf([], null),
    whileDoing: steps.map((step) => {
      const { phase, reason, message } = reportOf([], { step, progress: step.kind === "stop" ? "3" : "" });
      return { phase, reason, message };
    }),
    afterTrouble: TROUBLE.map((outcome) => reportOf([outcome], null)),
    explanation: { observed, planned: plannedInWords },
  };
}
