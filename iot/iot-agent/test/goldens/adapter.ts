// The only place where the goldens touch the product: from a stored input to what the device says
// of itself. Inputs are stored as v0.1.0 has them, maps as lists of entries: what is named
// otherwise later is mapped here.

import type { DeploymentReport } from "@iot/contracts";
import * as z from "zod/mini";
import { parseOrigin } from "../../src/desired/origin.ts";
import { type WorkerReport, withWrong } from "../../src/reconcile/worker-report.ts";
import { advance, deviceStatus, type DeviceStatusInput } from "../../src/status/status.ts";
import { type AgentState, statusSentence } from "../../src/systemd/status-sentence.ts";

export const GOLDENS_FILE: string = new URL("v0.1.0.jsonl.gz", import.meta.url).pathname;

/** Stored by record.ts from values of this type. */
const stored = <Value>() => z.custom<Value>((value) => typeof value === "object" && value !== null);

type Entries<Of> = Of extends ReadonlyMap<infer Key, infer Value> ? readonly (readonly [Key, Value])[] : never;

const Input = z.discriminatedUnion("kind", [
  /** What the worker of one deployment says, one after the other. */
  z.object({
    kind: z.literal("advance"),
    lanes: stored<readonly Omit<WorkerReport, "runningRevision">[]>(),
    wrong: stored<Parameters<typeof withWrong>[1]>(),
  }),
  z.object({
    kind: z.literal("device"),
    status: stored<Omit<DeviceStatusInput, "deployments" | "problem">>(),
    problem: z.nullable(stored<Exclude<DeviceStatusInput["problem"], undefined>>()),
    deployments: stored<Entries<DeviceStatusInput["deployments"]>>(),
    connection: stored<AgentState["connection"]>(),
  }),
]);
export type Input = z.output<typeof Input>;

export function run(from: unknown): object {
  const input = z.parse(Input, from);
  switch (input.kind) {
    case "advance": {
      let before: DeploymentReport | undefined;
      const advances = input.lanes.map((lane, index) => {
        const runningRevision = parseOrigin(lane.report.runningRevision ?? "")?.revision ?? null;
        const advanced = advance(before, { ...lane, runningRevision }, new Date(Date.UTC(2026, 0, 1 + index)).toISOString());
        before = advanced.report;
        return advanced;
      });
      return { advances, wrong: input.lanes.map(({ report }) => withWrong(report, input.wrong)) };
    }
    case "device": {
      const deployments = new Map(input.deployments);
      const problem = input.problem ?? undefined;
      return {
        status: deviceStatus({ ...input.status, problem, deployments }),
        sentence: statusSentence({ connection: input.connection, deployments, problem }),
      };
    }
  }
}
