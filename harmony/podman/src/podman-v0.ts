// The variant PodmanV0: containers on the Podman of one device. Ties the border, the planner, the
// executor and the report together.

import {
  type Desired,
  type Milestone,
  reconcile,
  type Reconciler,
  type ResidentInterpret,
  type ResidentVariant,
  type WorkloadReport,
} from "@harmony/core";
import { systemClock } from "@harmony/runtime";
import { logReader } from "./ask/read-logs.ts";
import { commandRunner } from "./ask/run-command.ts";
import type { DiskSpace } from "./device/disk-space.ts";
import { execute } from "./apply/execute.ts";
import { executeInputs } from "./apply/execute-inputs.ts";
import { explain } from "./report/explain.ts";
import type { HostView } from "./device/host-view.ts";
import type { ImageLedger } from "./images/image-ledger.ts";
import { awaitDeployments, forgetTries, newImageMemory, rememberSeen } from "./images/image-memory.ts";
import { flushImages, type ImageStore } from "./images/image-store.ts";
import { FreshService, type PodmanService } from "./images/fresh-service.ts";
import { watchPodmanConfig } from "./images/watch-podman-config.ts";
import { wantedBy } from "./images/observe-images.ts";
import type { NetworkRemains } from "./apply/lost-networks.ts";
import { type Application, labelsOf } from "./model/application.ts";
import { observe } from "./observe/observe.ts";
import { answerFailure } from "./plan/answer-failure.ts";
import { plan } from "./plan/planner.ts";
import type { Podman } from "./libpod/podman.ts";
import { Neighbours } from "./observe/neighbours.ts";
import { PortWatch } from "./observe/port-watch.ts";
import { podmanV0Parser } from "./score/parse-podman-v0.ts";
import type { PodmanV0 } from "./score/podman-v0-schema.ts";
import { denied, type Policy } from "./score/policy.ts";
import { report } from "./report/report.ts";
import { RestartMeter } from "./observe/restart-meter.ts";
import type { StartList } from "./store/start-list.ts";
import type { PodmanPlan } from "./model/plan.ts";
import type { Snapshot } from "./model/snapshot.ts";
import { isInputStep, type Step } from "./model/step.ts";
import type { SwapJournal } from "./store/swap-journal.ts";
import { endWaiting, NOTHING_RECORDED, resetFailed } from "./model/swap-record.ts";
import { withWayBack } from "./model/target.ts";
import { CheckMeter } from "./observe/check-meter.ts";
import { UpMeter } from "./observe/up-meter.ts";
import { watch } from "./observe/watch.ts";
import { workloads } from "./observe/workloads.ts";
import type { Reason } from "./model/reason.ts";

/** The device's identity, for its containers' environment, and the boot that it is in. */
export interface DeviceIdentity {
  readonly id: string;
  /** The labels of its own configuration. */
  readonly labels: Readonly<Record<string, string>>;
  readonly bootId: string;
  /** As in /usr/share/zoneinfo. By default UTC. */
  readonly timezone?: string;
  /** The size of the kernel's pages of memory; absent: not known. */
  readonly pageBytes?: number;
}

export interface PodmanV0Needs {
  readonly podman: Podman;
  readonly networkRemains: NetworkRemains;
  readonly device: DeviceIdentity;
  readonly journal: SwapJournal;
  readonly startList: StartList;
  readonly disk: DiskSpace;
  readonly imageLedger: ImageLedger;
  readonly host: HostView;
  readonly policy: Policy;
  /** The program that reads the journal, and what comes before its options; `journalctl` by default. */
  readonly journalctl?: readonly string[];
  /** Absent: Podman's service cannot be restarted, and what it has read of its configuration stays. */
  readonly podmanService?: PodmanService;
}

/** `application`: its names are in the labels, variables and sentences. */
export function podmanV0(application: Application): ResidentVariant<PodmanV0Needs, PodmanV0> {
  return {
    type: "PodmanV0",
    parse: podmanV0Parser(application),
    interpret: ({ capabilities }) => interpretPodman(application, capabilities),
  };
}

function interpretPodman(application: Application, needs: PodmanV0Needs): ResidentInterpret<PodmanV0> {
  const { podman, journal, policy } = needs;
  const labels = labelsOf(application);
  const memory = newImageMemory(systemClock.monotonicMs);
  const neighbours = new Neighbours();
  const service = new FreshService(needs.podmanService ?? null, needs.host);
  const images = {
    application,
    podman,
    disk: needs.disk,
    ledger: needs.imageLedger,
    memory,
    service,
    host: needs.host,
    clock: systemClock,
  };
  const look = observer(application, needs, { images, neighbours });
  const reconciler = reconcilerOf(application, needs, { images, look });
  const besides = reconcilerBesides(reconciler, { neighbours, service });
  /**
   * A retry is noted here, and the next reconcile resets it: only a reconcile writes the journal.
   */
  const retries = new Set<string>();
  /** A person does not wait for what is at work: noted and written in the same way. */
  const switches = new Set<string>();
  return {
    expect: (names) => awaitDeployments(memory, names),
    refuse: (score) => {
      const message = denied(policy, score, application.program);
      return message === null ? null : { reason: "PolicyDenied" satisfies Reason, message };
    },
    reconcile: async (desired, settings) => {
      if (retries.delete(desired.name)) {
        const record = await journal.read(desired.name);
        if (record !== null) await journal.write(desired.name, resetFailed(record));
      }
      if (switches.delete(desired.name)) {
        const record = (await journal.read(desired.name)) ?? NOTHING_RECORDED;
        await journal.write(desired.name, endWaiting(record, Date.now()));
      }
      return besides.reconcile(desired, settings);
    },
    workloads: (signal) => workloads(podman, labels, signal),
    watch: (onChange, signal) => {
      besides.onHint(onChange);
      void watchPodmanConfig(service, onChange, signal);
      return watch({ podman, labels, untilRestart: () => service.untilRestart() }, onChange, signal);
    },
    retry: (name) => {
      forgetTries(memory, name);
      retries.add(name);
      return Promise.resolve();
    },
    switchNow: (name) => void switches.add(name),
    explain: async (desired, signal) => {
      const snapshot = await look(desired, signal);
      return explain(desired, snapshot, plan(desired, snapshot));
    },
    logs: logReader({ ...needs, application }),
    run: commandRunner({ ...needs, application }),
  };
}

/**
 * Reconciles one deployment beside others: those that share its ports learn what stands in its way,
 * and are looked at when it has done something.
 */
function reconcilerBesides(
  reconciler: ReturnType<typeof reconcilerOf>,
  { neighbours, service }: { readonly neighbours: Neighbours; readonly service: FreshService },
): { readonly reconcile: ResidentInterpret<PodmanV0>["reconcile"]; onHint(callback: (name: string) => void): void } {
  let hint = (_name: string): void => undefined;
  return {
    onHint: (callback) => void (hint = callback),
    reconcile: async (desired, settings) => {
      const { name, data } = desired;
      let isChanged = false;
      neighbours.note(desired);
      const besides: typeof reconciler = {
        ...reconciler,
        apply: async (...step) => {
          const outcome = await reconciler.apply(...step);
          if (step[0].kind === "pull") service.notePull(name, "reason" in outcome);
          isChanged ||= outcome.kind === "changed";
          return outcome;
        },
        report: (input) => {
          const found = [...input.outcomes.flatMap((one) => ("reason" in one ? [one] : [])), ...input.plan.blocked];
          neighbours.troubled(name, found.find(({ reason }) => reason !== "PortInUse")?.message ?? null);
          return reconciler.report(input);
        },
      };
      const result = await reconcile(besides, desired, settings);
      if (isChanged) for (const one of neighbours.of(name)) hint(one);
      if (data === null && result.settled) {
        neighbours.forget(name);
        service.forget(name);
      }
      return result;
    },
  };
}

type Look = (desired: Desired<PodmanV0>, signal: AbortSignal) => Promise<Snapshot>;

/** Observes the device, with the memory that two looks are compared by. */
function observer(
  application: Application,
  needs: PodmanV0Needs,
  { images, neighbours }: { readonly images: ImageStore; readonly neighbours: Neighbours },
): Look {
  const options = {
    ...needs,
    application,
    images,
    restarts: new RestartMeter(),
    ups: new UpMeter(),
    checks: new CheckMeter(),
    portWatch: new PortWatch(),
    neighbours,
    now: () => Date.now(),
  };
  return (desired, signal) => images.service.during(() => observe(options, desired, signal));
}

function milestone({ kind }: Step): Milestone["kind"] | null {
  if (kind === "pull") return "fetched";
  if (kind === "create") return "made";
  return kind === "start" ? "started" : null;
}

function reconcilerOf(
  application: Application,
  needs: PodmanV0Needs,
  { images, look }: { readonly images: ImageStore; readonly look: Look },
): Reconciler<Desired<PodmanV0>, Snapshot, Step, WorkloadReport, PodmanPlan> {
  const { memory, service } = images;
  const forInputs = { ...needs, application, flush: (signal: AbortSignal) => flushImages(images, signal) };
  return {
    observe: async (desired, signal) => {
      const snapshot = await look(desired, signal);
      rememberSeen(memory, desired.name, wantedBy(withWayBack(desired, snapshot.record)), snapshot.imageFacts);
      return snapshot;
    },
    plan,
    apply: (step, signal, progress) =>
      service.during(() =>
        isInputStep(step) ? executeInputs(forInputs, step, signal) : execute({ ...needs, application, images }, step, signal, progress),
      ),
    milestone,
    answer: (_desired, _snapshot, last) => answerFailure({ ...last, nowMs: Date.now() }),
    report,
  };
}
