// The variant LinuxHostV0: a Linux host made ready over SSH. It ties the border, the observation,
// the planner, the executor and the report together. A person applies it once, and nobody stays
// beside the host.

import { type Desired, type Interpret, type Plan, reconcile, type Reconciler, type ScoreVariant } from "@harmony/core";
import { parse } from "@harmony/schema";
import { execute } from "./apply/execute.ts";
import { observationScript, parseFacts } from "./observe/facts.ts";
import type { HostApplication } from "./model/application.ts";
import type { HostFacts } from "./model/host-facts.ts";
import { type LinuxHostV0, linuxHostV0Schema } from "./score/linux-host-v0-schema.ts";
import { plan } from "./plan/planner.ts";
import { type HostReport, report, type StepReport } from "./report/report.ts";
import type { Ssh } from "./ssh/ssh.ts";
import { describeStep, type HostStep } from "./model/step.ts";

export interface HostCapabilities {
  readonly ssh: Ssh;
  /** The time within which a new address has to be confirmed; the default is 60 s. */
  readonly confirmWithinMs?: number;
}

/** Its reports have each step of the run. */
export interface HostInterpret extends Interpret<LinuxHostV0, HostReport> {
  /** Ends its connections, and the one to an address that it gave the host. */
  close(): Promise<void>;
}

/** `application`: its names are those of the host's files, units and user. */
export function linuxHostV0(application: HostApplication): ScoreVariant<HostCapabilities, LinuxHostV0, HostInterpret> {
  const schema = linuxHostV0Schema(application);
  return {
    type: "LinuxHostV0",
    parse: (data) => parse(schema, data),
    interpret: ({ capabilities }) => interpretHost(application, capabilities),
  };
}

function interpretHost(application: HostApplication, capabilities: HostCapabilities): HostInterpret {
  const { confirmWithinMs = CONFIRM_WITHIN_MS } = capabilities;
  let ssh = capabilities.ssh;

  const observe = async ({ data }: Desired<LinuxHostV0>, signal: AbortSignal): Promise<HostFacts> => {
    const { stdout } = await ssh.run(observationScript(application, data ?? linuxHostV0Schema(application).parse({})), { signal });
    return parseFacts(stdout);
  };
  const decide = (desired: Desired<LinuxHostV0>, facts: HostFacts): Plan<HostStep> => plan(application, desired, facts);
  const onMoved = (moved: Ssh): void => {
    const old = ssh;
    ssh = moved;
    void old.close();
  };

  return {
    reconcile: async (desired, options) => {
      const steps: StepReport[] = [];
      const reconciler: Reconciler<Desired<LinuxHostV0>, HostFacts, HostStep, HostReport> = {
        observe,
        plan: decide,
        async apply(step, signal, progress) {
          const startedAt = performance.now();
          const outcome = await execute(ssh, step, { signal, progress, confirmWithinMs, onMoved });
          steps.push({ step: describeStep(step), outcome, durationMs: performance.now() - startedAt });
          return outcome;
        },
        report: ({ desired: { revision }, snapshot: facts, ...rest }) => report({ revision, facts, ...rest, steps: [...steps] }),
      };
      const reached = await reconcile(reconciler, desired, options);
      // Steps that are reported as done outlast a power cut: most steps write a file and rename it.
      if (reached.settled && steps.length > 0) await ssh.run("sync", { signal: options.signal, timeoutMs: FLUSH_TIMEOUT_MS });
      return reached;
    },
    async explain(desired, signal) {
      const facts = await observe(desired, signal);
      const planned = decide(desired, facts);
      return {
        report: report({ revision: desired.revision, facts, plan: planned, outcomes: [], doing: null, steps: [] }),
        observed: describeFacts(facts),
        planned: planned.steps.map(describeStep),
        blocked: planned.blocked,
      };
    },
    close: () => ssh.close(),
  };
}

/** The limit fits a slow card that was given hundreds of megabytes. */
const FLUSH_TIMEOUT_MS = 5 * 60_000;

/** The mission's value: long enough for an address to settle, short enough to wait for. */
const CONFIRM_WITHIN_MS = 60_000;

function describeFacts({ system, architecture, hostname, user, packages }: HostFacts): readonly string[] {
  const podman = packages.find(({ name }) => name === "podman");
  return [
    `${hostname}: ${system.name}, ${architecture}`,
    user === null ? "there is no agent's user" : `the agent's user has the uid ${user.uid}`,
    podman === undefined ? "Podman is not installed" : `Podman ${podman.version}`,
  ];
}
