// Words what was seen, planned, done and is being done, and decides nothing: the plan says which
// version should be in force, what is started again and which limits nobody enforces. Pure. The
// sentences are read in the status, on the command line and in the device's journal alike.

import { type Desired, duration, type Outcome, type Phase, type ServiceReport, timeOfDay, type WorkloadReport } from "@harmony/core";
import { lookUp } from "@harmony/schema";
import { heldMessage } from "../words/held.ts";
import { containerName, imageReference, nextName } from "../model/names.ts";
import { isCheckOverdue, lastCheckInWords, overdueInWords } from "../model/health.ts";
import { endedByPageSize, pageSizeCure } from "../model/page-size.ts";
import { doing as doingInWords } from "../words/step-in-words.ts";
import type { PodmanPlan } from "../model/plan.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import type { Service } from "../score/service.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { ScoreVersion } from "../model/swap-record.ts";
import type { Reason } from "../model/reason.ts";

/** A container that Podman had to start again is not called running until it has lasted so long. */
const STEADY_AFTER_MS = 10_000;
const SHORT_STOP_SECONDS = 15;

export interface ReportInput {
  readonly desired: Desired<PodmanV0>;
  readonly snapshot: Snapshot;
  readonly plan: PodmanPlan;
  readonly outcomes: readonly Outcome[];
  readonly doing: { readonly step: Step; readonly progress: string } | null;
}

/** A reason that was written down earlier may be one of another version of this package. */
interface Wording<Given extends string = Reason> {
  readonly phase: Phase;
  readonly reason: Given;
  readonly message: string;
}

export function report(input: ReportInput): WorkloadReport {
  const { desired, snapshot, plan, outcomes, doing } = input;
  const { target } = plan;
  const own = snapshot.containers.filter(({ deployment }) => deployment === desired.name);
  const up = own.filter(({ state }) => state === "running");
  const trouble = outcomes.find((outcome) => "reason" in outcome);
  const services = (target?.score.services ?? []).map((service) => describeService(service, input));
  const isReached = doing === null && trouble === undefined && plan.steps.length === 0 && plan.blocked.length === 0;
  const wording = wordingOf(input, trouble, services);
  const rechecks = [
    ...(plan.recheckAfterMs === null ? [] : [plan.recheckAfterMs]),
    ...(wording.reason === "Restarting" ? [STEADY_AFTER_MS] : []),
  ];
  return {
    ...wording,
    runningRevision: isReached && target !== null && up.length > 0 ? target.revision : (up.at(0)?.revision ?? null),
    services: services.map(({ service }) => service),
    // A failed step is tried again with back-off, which the caller knows.
    recheckAfterMs: trouble !== undefined || rechecks.length === 0 ? null : Math.min(...rechecks),
    settled: isReached && plan.recheckAfterMs === null,
  };
}

function wordingOf(
  { desired, snapshot, plan, doing }: ReportInput,
  trouble: Outcome | undefined,
  services: readonly Described[],
): Wording<string> {
  const { target } = plan;
  const { verdict } = snapshot.record;
  const failed = target?.kind === "rolled-back" && verdict !== null ? `; ${verdict.message}` : "";
  if (doing !== null) {
    // A container that is stopped and started again for its network is shown as that, not as one
    // more start.
    const lost = doing.step.kind === "journal" && doing.step.why === "its network has ended" ? services.find(hasLostNetwork) : undefined;
    return lost?.wording ?? whileDoing(doing, { isRemoval: desired.data === null, snapshot });
  }
  if (trouble !== undefined && "reason" in trouble) {
    return {
      phase: trouble.kind === "blocked" ? "Blocked" : "Failed",
      reason: trouble.reason,
      message: `${trouble.message}${failed === "" ? meanwhile(desired, snapshot) : failed}`,
    };
  }
  const [blocked] = plan.blocked;
  if (blocked !== undefined)
    return { phase: "Blocked", reason: blocked.reason, message: `${blocked.message}${meanwhile(desired, snapshot)}` };
  if (target === null) return whenRemoved(snapshot);
  if (desired.hold !== null) return { phase: "Held", reason: "Held", message: heldMessage(desired.name, desired.hold, snapshot) };
  // The worst of its services speaks for the deployment.
  const worst = (["Failed", "Degraded", "Starting", "Pending", "Held"] as const).flatMap((phase) =>
    services.filter(({ wording }) => wording.phase === phase),
  )[0];
  if (verdict !== null && target.kind === "rolled-back") {
    const { message } = worst?.wording ?? whenRunning(plan, services, snapshot);
    return { phase: "RolledBack", reason: verdict.reason, message: `${message}${failed}` };
  }
  if (worst !== undefined) return worst.wording;
  const { trial, good } = snapshot.record;
  if (trial?.to.scoreString === desired.scoreString && good !== null)
    return {
      phase: "Starting",
      reason: "OnTrial",
      message: `${images(trial.to)} runs and is on trial, ${images(good)} is kept to go back to`,
    };
  return whenRunning(plan, services, snapshot);
}

function whenRunning({ unenforced }: PodmanPlan, services: readonly Described[], snapshot: Snapshot): Wording {
  const limits = unenforced.map(({ service, limit }) => `${limit} of service "${service}"`);
  const notes = snapshot.imageFacts.notes.map((note) => `; ${note}`);
  const caveat = limits.length === 0 ? "" : `; this device cannot enforce ${limits.join(", ")} (its cgroup controller is off)`;
  const message = services
    .map(({ service, wording }) => (services.length === 1 ? wording.message : `${service.name}: ${wording.message}`))
    .join(", ");
  const isCompleted = services.every(({ wording }) => wording.reason === "Completed");
  return { phase: "Running", reason: isCompleted ? "Completed" : "Running", message: `${message}${caveat}${notes.join("")}` };
}

function images({ scoreString }: ScoreVersion): string {
  return [...new Set(scoreOfLabel(scoreString)?.services.map(({ image }) => image))].join(", ");
}

function whileDoing(
  { step, progress }: { readonly step: Step; readonly progress: string },
  { isRemoval, snapshot }: { readonly isRemoval: boolean; readonly snapshot: Snapshot },
): Wording {
  const said = (phase: Phase & Reason, message: string): Wording => ({
    phase: isRemoval ? "Removing" : phase,
    reason: isRemoval ? "Removing" : phase,
    message,
  });
  switch (step.kind) {
    case "pull":
      return said("Pulling", `pulling ${step.image}${progress === "" ? "" : ` (${progress})`}`);
    case "repairImage":
      return {
        ...said("Starting", `${doingInWords(step)} (${step.detail})`),
        reason: "ImageDamaged",
      };
    case "verifyImage":
      return {
        ...said("Starting", `${doingInWords(step)}, because container "${step.container}" could not execute its program`),
        reason: "ImageSuspect",
      };
    case "pruneImages":
      return { ...said("Pulling", doingInWords(step)), reason: "MakingRoom" };
    case "stop":
      return said("Stopping", stopping(step, progress, snapshot));
    case "remove":
      return said("Stopping", `removing container "${step.container}"`);
    case "removeNetwork":
      return said("Stopping", `removing network "${step.network}"`);
    case "repairSecretStore":
      return { ...said("Starting", doingInWords(step)), reason: "SecretStoreDamaged" };
    case "createSecret":
    case "writeMounts":
      return said("Starting", doingInWords(step));
    case "removeSecret":
    case "removeMounts":
      return said("Stopping", doingInWords(step));
    case "createNetwork":
      return said("Starting", `creating network "${step.network}"`);
    case "createVolume":
      return said("Starting", `creating volume "${step.volume}"`);
    case "create":
    case "start":
    case "revive":
    case "unpause":
    case "rename":
      return said("Starting", `starting service "${step.service}"`);
    case "journal":
    case "recordStart":
    case "noteDamage":
    case "noteFullDisk":
    case "releaseReserve":
      return said("Starting", doingInWords(step));
  }
}

function stopping(
  { container, timeoutSeconds }: Extract<Step, { kind: "stop" }>,
  seconds: string,
  { containers, application: { program } }: Snapshot,
): string {
  const leftSeconds = timeoutSeconds - Number(seconds);
  if (seconds === "") return `stopping container "${container}", which may take up to ${duration(timeoutSeconds)}`;
  const asked = `container "${container}" has been asked to stop ${duration(Number(seconds))} ago and has not`;
  if (leftSeconds <= 0) return `${asked}; it is being killed`;
  const ends = `; it is killed in ${duration(leftSeconds)}`;
  // Whoever reads this of a short wait would be too late.
  if (timeoutSeconds <= SHORT_STOP_SECONDS) return `${asked}${ends}`;
  const isDeaf = containers.find(({ name }) => name === container)?.isDeaf === true;
  const why = isDeaf ? ", because its process 1 does not hear its stop signal" : "";
  const cure = isDeaf ? "push `init: true` or a shorter `stopTimeoutSeconds`" : "push a shorter `stopTimeoutSeconds`";
  return `${asked}${why}${ends}: ${cure}, which counts for this container too, or \`${program} podman kill ${container}\` ends it now`;
}

function whenRemoved({ volumes, application }: Snapshot): Wording {
  const [its, are, it] = volumes.length === 1 ? ["its volume", "is", "it"] : ["its volumes", "are", "them"];
  const names = volumes.map((name) => `"${name}"`).join(", ");
  const kept =
    volumes.length === 0
      ? ""
      : `; ${its} ${names} ${are} kept on the device (\`${application.program} podman volume rm ${volumes.join(" ")}\` deletes ${it})`;
  return { phase: "Removing", reason: "Removed", message: `removed${kept}` };
}

/** The versions that still serve while something stands in the way of the new one. */
function meanwhile(desired: Desired<PodmanV0>, snapshot: Snapshot): string {
  const images = snapshot.containers
    .filter(
      ({ deployment, state, scoreString }) => deployment === desired.name && state === "running" && scoreString !== desired.scoreString,
    )
    .flatMap(
      ({ name, scoreString }) =>
        scoreOfLabel(scoreString)?.services.filter((service) => containerName(desired.name, service.name) === name) ?? [],
    )
    .map(({ image }) => image);
  const distinct = [...new Set(images)];
  return distinct.length === 0 ? "" : `; ${distinct.join(", ")} ${distinct.length === 1 ? "keeps" : "keep"} running`;
}

interface Described {
  readonly service: ServiceReport;
  readonly wording: Wording;
}

function describeService(service: Service, { desired: { name: deployment }, snapshot, plan }: ReportInput): Described {
  const { name } = service;
  const names = [containerName(deployment, name), nextName(deployment, name)];
  const found = snapshot.containers.filter((container) => container.deployment === deployment && names.includes(container.name));
  const container = found.find(({ state }) => state === "running") ?? found[0];
  if (container === undefined) {
    const wording: Wording = { phase: "Pending", reason: "Pending", message: `service "${name}" is not there yet` };
    return { service: { name, phase: "Pending", image: service.image }, wording };
  }
  const wording = describe(service, container, snapshot, plan);
  const runs = scoreOfLabel(container.scoreString)?.services.find((old) => old.name === name)?.image ?? service.image;
  const image = snapshot.images[imageReference(runs)];
  return {
    service: {
      name,
      phase: wording.phase,
      image: runs,
      imageDigest: image?.id === container.imageId && image.digest !== "" ? image.digest : undefined,
      health: container.health === "none" ? undefined : container.health,
      // Podman counts those that come without a pause, too, which are one try in the sentence.
      restarts: lookUp(snapshot.record.crashes, name)?.count ?? container.restarts,
      startedAt: container.startedAtMs === null ? undefined : new Date(container.startedAtMs).toISOString(),
    },
    wording,
  };
}

function hasLostNetwork({ wording }: Described): boolean {
  return wording.reason === "NetworkLost";
}

function describe(service: Service, container: Container, snapshot: Snapshot, { startedAgain }: PodmanPlan): Wording {
  const { device } = snapshot;
  const { name } = service;
  const wording = describeState(service, container, snapshot, startedAgain);
  const isByPages = endedByPageSize(container.lastLines) && ["CrashLoop", "Restarting", "Exited"].includes(wording.reason);
  return isByPages
    ? { ...wording, reason: "PageSize", message: `service "${name}" ends at once: ${pageSizeCure(device.pageBytes)}` }
    : wording;
}

function describeState(service: Service, container: Container, snapshot: Snapshot, startedAgain: PodmanPlan["startedAgain"]): Wording {
  const { record, application } = snapshot;
  const { name } = service;
  const crash = lookUp(record.crashes, name);
  if (crash !== undefined && (container.state === "running" || container.state === "exited")) {
    const isDue = Date.parse(crash.startAt) <= snapshot.nowMs;
    const next = isDue ? "is started again now" : `is started again at ${timeOfDay(crash.startAt)}`;
    const when = container.state === "running" ? "has been started again" : next;
    const message = `service "${name}" keeps ending, last with exit code ${crash.exitCode}, and ${when} (try ${crash.count + 1})`;
    return { phase: "Degraded", reason: "CrashLoop", message: `${message}${lastWords(crash.lastLine)}${lookAtLogs(container, snapshot)}` };
  }
  switch (container.state) {
    case "running":
      return describeRunning(service, container, snapshot);
    case "paused":
      return {
        phase: "Held",
        reason: "Paused",
        message: `service "${name}" is paused by hand: \`${application.program} podman unpause ${container.name}\` lets it go on`,
      };
    case "created":
      return { phase: "Starting", reason: "Starting", message: `service "${name}" is about to start` };
    case "stopping":
      return { phase: "Starting", reason: "Starting", message: `service "${name}" is stopping, to be started again` };
    case "broken":
      return {
        phase: "Starting",
        reason: "Starting",
        message: `container "${container.name}" is half removed, and is made anew`,
      };
    case "exited":
      return describeExited(service, container, { isAgain: startedAgain.includes(container.name), application });
  }
}

function describeRunning(service: Service, container: Container, snapshot: Snapshot): Wording {
  const { nowMs, application } = snapshot;
  const { name, image, restart } = service;
  const { restarts, startedAtMs, hasLostNetwork: isUnreachable, health, lastLines } = container;
  const degraded = (reason: Reason, message: string): Wording => ({ phase: "Degraded", reason, message });
  if (restarts > 0 && nowMs - (startedAtMs ?? nowMs) < STEADY_AFTER_MS) {
    return degraded(
      "Restarting",
      `service "${name}" keeps ending and has been started again ${restarts} times${lastWords(lastLines.at(-1))}${lookAtLogs(container, snapshot)}`,
    );
  }
  if (isUnreachable) {
    const says = `service "${name}" runs, and nobody can reach it, because the process of its network has ended`;
    const cure =
      restart.policy === "no"
        ? `\`${application.program} podman restart ${container.name}\` repairs it`
        : "nothing has to be done, it is started again";
    return degraded("NetworkLost", `${says}: ${cure}`);
  }
  const check = lastCheckInWords(container);
  if (health === "unhealthy")
    return degraded(
      "Unhealthy",
      `service "${name}" runs, but its health check fails${check || lastWords(lastLines.at(-1))}${lookAtLogs(container, snapshot)}`,
    );
  if (isCheckOverdue(service, container)) return degraded("Unhealthy", `service "${name}" runs, but ${overdueInWords(service, check)}`);
  if (health === "starting") return { phase: "Starting", reason: "Starting", message: `service "${name}" runs and is not yet healthy` };
  return { phase: "Running", reason: "Running", message: `running ${image}` };
}

function describeExited(
  { name, image }: Service,
  ended: Container,
  { isAgain, application }: { readonly isAgain: boolean } & Pick<Snapshot, "application">,
): Wording {
  const { name: container, exitCode, stoppedByUser, lastLines } = ended;
  const said = `${lastWords(lastLines.at(-1))}${lookAtLogs(ended, { application })}`;
  if (isAgain) {
    const message = `service "${name}" ended with exit code ${exitCode} and is started again${said}`;
    return { phase: "Degraded", reason: "Restarting", message };
  }
  if (stoppedByUser) {
    const message = `service "${name}" is stopped by hand: \`${application.program} podman start ${container}\` starts it`;
    return { phase: "Held", reason: "StoppedByHand", message };
  }
  if (exitCode === 0) return { phase: "Running", reason: "Completed", message: `completed ${image}` };
  const message = `service "${name}" ended with exit code ${exitCode} and its restart policy does not start it again${said}`;
  return { phase: "Failed", reason: "Exited", message };
}

/** What helps where a program does not do what it should. */
function lookAtLogs({ name }: Pick<Container, "name">, { application: { program } }: Pick<Snapshot, "application">): string {
  return `; \`${program} podman logs ${name}\` shows more: correct the program, or what the deployment gives it, and push`;
}

function lastWords(line = ""): string {
  return line === "" ? "" : `; its last line: ${line.slice(0, 200)}`;
}
