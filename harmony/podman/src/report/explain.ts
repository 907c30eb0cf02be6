// Words why a deployment is as it is: what was seen of it, and the steps that the planner would
// have taken. Pure.

import { type Desired, type Explanation, localTime } from "@harmony/core";
import { lastCheckInWords } from "../model/health.ts";
import { serviceOfName } from "../model/names.ts";
import type { Service } from "../score/service.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import { report } from "./report.ts";
import { busyFile } from "../score/score-words.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import { doing } from "../words/step-in-words.ts";
import type { PodmanPlan } from "../model/plan.ts";
import type { ScoreVersion, SwapRecord } from "../model/swap-record.ts";

export function explain(desired: Desired<PodmanV0>, snapshot: Snapshot, plan: PodmanPlan): Explanation {
  const own = snapshot.containers.filter(({ deployment }) => deployment === desired.name);
  const absent = Object.keys(snapshot.images).filter((reference) => snapshot.images[reference] === null);
  return {
    report: report({ desired, snapshot, plan, outcomes: [], doing: null }),
    observed: [
      ...(own.length === 0 ? [`no container of "${desired.name}" is on the device`] : own.map((one) => containerInWords(one, snapshot))),
      ...absent.map((reference) => `image ${reference} is not on the device`),
      ...recordInWords(snapshot.record),
      ...unlimitedInWords(plan.target?.score.services ?? []),
    ],
    planned: plan.steps.map(doing),
    blocked: plan.blocked,
    stages: plan.stages,
  };
}

function containerInWords(container: Container, { application }: Pick<Snapshot, "application">): string {
  const { name, deployment, revision, scoreString, state, exitCode, restarts, health, startedAtMs, exitedAtMs, lastCheck, lastLines } =
    container;
  const service = scoreOfLabel(scoreString)?.services.find((one) => one.name === serviceOfName(deployment, name));
  const from = service === undefined ? "" : ` of ${service.image}`;
  const since = (ms: number | null): string => (ms === null ? "" : ` since ${localTime(ms)}`);
  const states: Record<Container["state"], string> = {
    created: "has not been started since the device booted",
    running: `runs${since(startedAtMs)}`,
    paused: "is paused",
    stopping: "is stopping",
    exited: `ended with exit code ${exitCode}${exitedAtMs === null ? "" : ` at ${localTime(exitedAtMs)}`}${container.stoppedByUser ? ", stopped by a call" : ""}`,
    broken: "is half removed",
  };
  const more = [
    container.isAtWork ? `, and is at work (${busyFile(application)} is there, or it is paused)` : "",
    container.hasLostNetwork ? ", and nobody serves its ports any more" : "",
    health === "none" ? "" : `, health: ${health}`,
    lastCheck === null ? "" : `, its last health check ended with${lastCheckInWords(container).replace(/^ \((.*)\)$/s, " $1")}`,
    restarts === 0 ? "" : `, restarted ${restarts} times by Podman since it was last started`,
    lastLines.length === 0 ? "" : `; its last line: ${lastLines.at(-1)?.slice(0, 200)}`,
  ];
  return `container "${name}"${from} (revision ${revision}) ${states[state]}${more.join("")}`;
}

function unlimitedInWords(services: readonly Service[]): string[] {
  const names = services.filter(({ resources }) => resources?.memory === undefined).map(({ name }) => name);
  return names.length === 0 ? [] : [`no limit of memory (resources.memory): ${names.join(", ")}`];
}

function recordInWords({ good, trial, verdict, crashes, held, exchange }: SwapRecord): string[] {
  const images = (version: ScoreVersion): string => {
    const services = scoreOfLabel(version.scoreString)?.services ?? [];
    return `revision ${version.revision} (${services.map(({ image }) => image).join(", ")})`;
  };
  return [
    ...(good === null ? [] : [`${images(good)} is known to be good`]),
    ...(trial === null ? [] : [`${images(trial.to)} is on trial since ${localTime(Date.parse(trial.startedAt))}`]),
    ...(verdict === null ? [] : [`${images(verdict.of)} has failed at ${localTime(Date.parse(verdict.at))}: ${verdict.message}`]),
    ...Object.entries(crashes).map(
      ([service, { count, startAt }]) => `service "${service}" keeps ending: try ${count + 1} is at ${localTime(Date.parse(startAt))}`,
    ),
    ...(exchange === undefined ? [] : [`ports change hands between ${exchange.with.join(", ")}, which go and stay together`]),
    ...(held.length === 0 ? [] : [`${held.join(", ")} was stopped by a hold, or to be started again`]),
  ];
}
