// Records the course of a new version's trial before anything else is decided: that it failed, that
// the device went down meanwhile, that its journal was lost. With a verdict the planner plans for
// the last good version.

import { judge, MAX_DEVICE_FAILURES } from "./gate.ts";
import { obstaclesToStarting } from "./host-obstacle.ts";
import { isPrevious, type Situation, type Wanted } from "./situation.ts";
import { type Stage, stepsOr, type StoodBack } from "./stage.ts";
import { isOnTrial, journal, markBad, standBy } from "./trial.ts";
import { serviceOfName } from "../model/names.ts";
import type { Step } from "../model/step.ts";
import type { Trial } from "../model/swap-record.ts";
import type { Reason } from "../model/reason.ts";

/** Turns a start that failed for good into a verdict, and counts how often the device went down. */
export const recordTrial: Stage<Wanted> = {
  name: "record-trial",
  purpose: "what became of the version on trial is written down first",
  plan(wanted) {
    const { record, device } = wanted.snapshot;
    const { trial } = record;
    if (trial === null || !isOnTrial(record, wanted.target)) return { stoodBack: "the version is not on trial" };
    if (trial.failure !== null) return failedStart(wanted, trial, trial.failure);
    if (trial.isAside) return { stoodBack: "the version on trial stands by" };
    if (trial.bootId === device.bootId) return { stoodBack: "the device has not gone down since the trial was last recorded" };
    return deviceWentDown(wanted, trial);
  },
};

function failedStart({ deployment, target, own, snapshot }: Wanted, trial: Trial, failure: NonNullable<Trial["failure"]>): Step[] {
  const { record, nowMs, application } = snapshot;
  const service = target.score.services.find(({ name }) => name === failure.service);
  // Its needs went away while the old one was stopping: that may pass.
  if (service !== undefined && obstaclesToStarting({ service }, snapshot).length > 0) {
    return [journal(deployment, standBy({ ...record, trial: { ...trial, failure: null } }))];
  }
  const failed = own.find((one) => one.scoreString === target.scoreString && serviceOfName(deployment, one.name) === failure.service);
  return [journal(deployment, markBad({ deployment, target, failure, lastLines: failed?.lastLines ?? [], record, nowMs, application }))];
}

function deviceWentDown({ deployment, target, snapshot }: Wanted, trial: Trial): Step[] {
  const { record, device, nowMs, application } = snapshot;
  const deviceFailures = trial.deviceFailures + 1;
  if (deviceFailures >= MAX_DEVICE_FAILURES) {
    const why = `the device went down ${deviceFailures} times while it was tried`;
    const failure = { service: "", reason: "DeviceWentDown" satisfies Reason, why };
    return [journal(deployment, markBad({ deployment, target, failure, lastLines: [], record, nowMs, application }))];
  }
  const went = { ...trial, bootId: device.bootId, deviceFailures, resumedAt: new Date(nowMs).toISOString() };
  return [journal(deployment, { record: { ...record, trial: went }, why: "the device went down while the new version was tried" })];
}

/** Podman lists a container that has ended as running until it has some room. */
export const makeRoomToRecord: Stage<Wanted> = {
  name: "make-room-to-record",
  purpose: "the disk is full, and Podman cannot write down that a container on trial has ended",
  plan: ({ snapshot: { isReserveNeeded } }) =>
    stepsOr(isReserveNeeded ? [{ kind: "releaseReserve" }] : [], "Podman has room to write down what ends, or there is no reserve"),
};

/** The journal of a trial that has begun is lost: the trial begins anew. */
export const recordLostTrial: Stage<Situation> = {
  name: "record-lost-trial",
  purpose: "the journal of a trial that has begun is lost, so the trial begins anew",
  plan({ deployment, own, opened, snapshot: { record } }) {
    if (opened === null) return { stoodBack: "there is no version to go back to, so there is no trial" };
    if (record.good !== null || !own.some(isPrevious)) return { stoodBack: "the journal knows of the trial, or none has begun" };
    return [journal(deployment, { record: opened, why: "a new version is on trial" })];
  },
};

/** A service of the version on trial has shown that it does not stay up or well. */
export const judgeTrial: Stage<Situation> = {
  name: "judge-trial",
  purpose: "a service of the version on trial has failed",
  plan({ deployment, target, kept, blocked, snapshot: { record, nowMs, application, device } }): Step[] | StoodBack {
    if (!isOnTrial(record, target)) return { stoodBack: "the version is not on trial" };
    if (blocked.length > 0) return { stoodBack: "something that may pass stands in the way, so it is not judged" };
    for (const slot of kept) {
      const judged = judge(slot, slot.current, record.trial, device.pageBytes);
      if (judged.kind !== "failed") continue;
      const failure = { service: slot.service.name, reason: judged.reason, why: judged.why };
      return [journal(deployment, markBad({ deployment, target, failure, lastLines: slot.current.lastLines, record, nowMs, application }))];
    }
    return { stoodBack: "no service of the version on trial has failed" };
  },
};
