// Decides what is done at once about a step that Podman refused, before anything else is looked at.
// Pure, and the only place that decides it. Damage is noted, for the next plan to repair. A full
// disk is noted, or its reserve is released. For a version on trial that could not be started, its
// journal records the failure, so that the next plan goes back. A refusal that none of these
// answers is reported as it is.

import type { Done } from "@harmony/core";
import { all, type Stage, type StoodBack } from "./stage.ts";
import { journal, recordFailure } from "./trial.ts";
import { deploymentOfName } from "../model/names.ts";
import type { Step, StepKind } from "../model/step.ts";

export interface Failed extends Done<Step> {
  /** The time of the failure; its record counts from there. */
  readonly nowMs: number;
}

export function answerFailure(failed: Failed): readonly Step[] {
  return all(ANSWERS, failed).steps;
}

const noteDamage: Stage<Failed> = {
  name: "note-damage",
  purpose: "Podman found its storage damaged, which the next plan repairs",
  plan({ step, outcome: { code, detail = "" } }): readonly Step[] | StoodBack {
    if (code !== "damaged") return { stoodBack: "nothing was found damaged" };
    switch (step.kind) {
      case "pull":
        // The damage is in a layer of a pull that the power cut ended: recorded as whole, part of
        // no image yet, and taken for fetched by every pull after.
        return [{ kind: "noteDamage", of: { reference: step.reference }, where: "image", container: "", detail, after: null }];
      case "repairImage": {
        const { deployment, service, containers, repair } = step;
        const [container = ""] = containers;
        return [{ kind: "noteDamage", of: { deployment, service }, where: "image", container, detail, after: repair }];
      }
      case "verifyImage": {
        const { deployment, service, container } = step;
        return [{ kind: "noteDamage", of: { deployment, service }, where: "image", container, detail, after: null }];
      }
      case "create":
      case "start":
      case "revive": {
        const { service, container } = step;
        if (container.endsWith(".old")) return { stoodBack: "nobody could make another of a container that is kept to go back to" };
        const of = { deployment: deploymentOfName(container, service), service };
        return [{ kind: "noteDamage", of, where: step.kind === "create" ? "image" : "container", container, detail, after: null }];
      }
      default:
        return { stoodBack: "no repair is known for it" };
    }
  },
};

const noteFullDisk: Stage<Failed> = {
  name: "note-full-disk",
  purpose: "a container has met a full disk: images that nothing uses are removed before it is tried again",
  plan({ step, outcome }) {
    if (outcome.code !== "disk-full") return { stoodBack: "the disk is not full" };
    if (step.kind !== "create" && step.kind !== "start") return { stoodBack: "it made or started no container" };
    return [{ kind: "noteFullDisk", deployment: deploymentOfName(step.container, step.service) }];
  },
};

/**
 * On a full disk nothing new is begun. A step that something needs in order to serve is tried again
 * with the reserve.
 */
const releaseReserve: Stage<Failed> = {
  name: "release-reserve",
  purpose: "the disk is full, and what is to serve needs some room",
  plan({ step, outcome }) {
    if (outcome.code !== "disk-full") return { stoodBack: "the disk is not full" };
    if (step.kind === "start" && step.trial !== null) return { stoodBack: "the version is on trial, and the reserve is for the way back" };
    return SERVES.includes(step.kind) ? [{ kind: "releaseReserve" }] : { stoodBack: "it is not needed for something to serve" };
  },
};

const SERVES: readonly StepKind[] = ["stop", "rename", "remove", "start"];

const recordFailedStart: Stage<Failed> = {
  name: "record-failed-start",
  purpose: "a version on trial could not be started, and there is a way back",
  plan({ step, outcome, nowMs }) {
    if (step.kind !== "start" || step.trial === null) return { stoodBack: "no version on trial was to be started" };
    const record = recordFailure(step.trial.record, outcome, nowMs);
    if (record === null) return { stoodBack: "it says nothing of the version" };
    return [journal(step.trial.deployment, { record, why: "the new version could not be started" })];
  },
};

const ANSWERS: readonly Stage<Failed>[] = [noteDamage, noteFullDisk, releaseReserve, recordFailedStart];
