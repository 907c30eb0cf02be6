// The only place where the goldens touch the product: from a stored input to the result of planner,
// report and explanation. Inputs are stored as v0.1.0 has them. Code with another name for a field
// of the Snapshot maps it here, and the stored file stays as it is.

import type { Desired, Outcome, WorkloadReport } from "@harmony/core";
import * as z from "zod/mini";
import { APPLICATION } from "../application.ts";
import { containerName, imageReference, nextName } from "../../src/model/names.ts";
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
  readonly containers: readonly Omit<Container, "imageVolumes">[];
  readonly care: Snapshot["imageFacts"];
};

export function snapshotOf({ care, containers: stored, ...rest }: StoredSnapshot): Snapshot {
  const containers = stored.map((container) => ({ ...container, imageVolumes: [] }));
  return { ...rest, containers, imageFacts: care, application: APPLICATION, isReserveNeeded: false, neighbours: [] };
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

/**
 * What sentences say since v0.1.0 that they did not say then: the zone of a time, minutes for
 * seconds, what helps where a program ends, plain words. Both sides are read without it.
 */
const NOT_COMPARED: readonly (readonly [RegExp, string])[] = [
  [/; `iot-agent podman logs [\w.-]+` shows more: correct the program, or what the deployment gives it, and push/g, ""],
  [/(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g, "$1T$2Z"],
  [/(T\d\d:\d\d:\d\d)\.\d{3}Z/g, "$1Z"],
  [/(\d\d:\d\d(?::\d\d)?) UTC/g, "$1"],
  [/is started again (?:at \d\d:\d\d:\d\d|now)/g, "is started again later"],
  [/(?:up to|killed in) \d+ (?:s|min)/g, "in time"],
  [/nothing has to be done, (it is started|they are made) again/g, "$1 again"],
  [/` (?:repairs|mends) it/g, "` repairs it"],
  [/(?:repairing|mending) (Podman's store)/g, "repairing $1"],
  [/(restarted \d+ times) by Podman since it was last started/g, "$1"],
  [/(?:look whether the disk is broken \(`sudo dmesg`\)|see whether the disk is at fault \(`dmesg`\))/g, "see the disk"],
  [/ \(`sudo -u iot-agent ls [\w/.-]+` tries it\)/g, ""],
  [
    /(?:which this device does not allow: add that path|which \[policy\] in \/etc\/iot-agent\/config.toml does not allow).*/g,
    "not allowed",
  ],
];

/** The same sentence comes a thousand times. */
const COMPARED = new Map<string, string>();

export function compared(value: unknown): unknown {
  if (typeof value === "string") {
    const known = COMPARED.get(value) ?? NOT_COMPARED.reduce((text, [told, plain]) => text.replaceAll(told, plain), value);
    COMPARED.set(value, known);
    return known;
  }
  if (Array.isArray(value)) return value.map(compared);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, compared(member)]));
}

/** Then the restarts of a service that keeps ending were those of Podman. */
function withRestarts(told: WorkloadReport, { containers, record }: Snapshot, deployment: string): WorkloadReport {
  const services = told.services.map((service) => {
    const names = [containerName(deployment, service.name), nextName(deployment, service.name)];
    const found = containers.filter(({ name, deployment: of }) => of === deployment && names.includes(name));
    const one = found.find(({ state }) => state === "running") ?? found[0];
    return Object.hasOwn(record.crashes, service.name) && one !== undefined ? { ...service, restarts: one.restarts } : service;
  });
  return { ...told, services };
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
    withRestarts(report({ desired, snapshot, plan: planned, outcomes, doing }), snapshot, desired.name);
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
