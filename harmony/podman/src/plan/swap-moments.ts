// Lists every moment at which a swap of a deployment with one service can be cut short, in order,
// each before the step that it names: for a test that ends an agent at each of them. A step on
// Podman is known by its request, seen from outside by a proxy before Podman's socket; a step on
// the journal by the text of the file when it is done. The planner's test holds that none is left
// out.

import { containerName, nextName, oldName } from "../model/names.ts";
import type { StepKind } from "../model/step.ts";

export interface SwapMoment {
  /** `before stopping the old one` */
  readonly name: string;
  readonly step: StepKind;
  /**
   * The end of the path, without its query, of the request to Podman that is the step; null: it is
   * a write of the journal or the start list.
   */
  readonly request: { readonly method: "POST" | "DELETE"; readonly path: string } | null;
}

/** The moments from a running version to one that proves itself, whose image is on the device. */
export function swapMoments(deployment: string, service: string): readonly SwapMoment[] {
  const { final, next, old } = namesOf(deployment, service);
  return [
    { name: "before creating the new one", step: "create", request: { method: "POST", path: "/containers/create" } },
    { name: "before recording the trial", step: "journal", request: null },
    { name: "before stopping the old one", step: "stop", request: post(final, "stop") },
    { name: "before starting the new one", step: "start", request: post(next, "start") },
    { name: "before renaming the old one", step: "rename", request: post(final, "rename") },
    { name: "before renaming the new one", step: "rename", request: post(next, "rename") },
    { name: "before recording that the new one is good", step: "journal", request: null },
    { name: "before removing the old one", step: "remove", request: { method: "DELETE", path: `/containers/${old}` } },
  ];
}

/** The moments from a failed trial of a new version until the old one serves again. */
export function rollBackMoments(deployment: string, service: string): readonly SwapMoment[] {
  const { final, old } = namesOf(deployment, service);
  return [
    { name: "before recording the failure", step: "journal", request: null },
    { name: "before stopping the new one", step: "stop", request: post(final, "stop") },
    { name: "before removing the new one", step: "remove", request: { method: "DELETE", path: `/containers/${final}` } },
    { name: "before starting the old one", step: "start", request: post(old, "start") },
    { name: "before renaming the old one", step: "rename", request: post(old, "rename") },
  ];
}

function namesOf(deployment: string, service: string) {
  return { final: containerName(deployment, service), next: nextName(deployment, service), old: oldName(deployment, service) };
}

function post(container: string, deed: "start" | "stop" | "rename") {
  return { method: "POST", path: `/containers/${container}/${deed}` } as const;
}
