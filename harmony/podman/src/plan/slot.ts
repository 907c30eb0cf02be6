// The containers of one service: the current one (`app_web`), the next one, made to take over
// (`app_web.next`), the previous one, which is kept (`app_web.old`), and which of them is as the
// target says. A container made from another Score string still fits if both Scores derive the same
// container.

import { canonicalJson } from "@harmony/schema";
import { type ContainerSpec, containerSpec, type SpecContext } from "../model/container-spec.ts";
import { type Inputs, inputsOf } from "../model/inputs.ts";
import { containerName, nextName, oldName } from "../model/names.ts";
import type { Service } from "../score/service.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Container, Snapshot } from "../model/snapshot.ts";
import type { Target } from "../model/target.ts";

export interface Slot {
  readonly service: Service;
  readonly spec: ContainerSpec;
  readonly inputs: Inputs;
  /** The containers' names, whether or not they exist. */
  readonly names: { readonly current: string; readonly next: string; readonly previous: string };
  readonly current: Container | undefined;
  readonly next: Container | undefined;
  readonly previous: Container | undefined;
  /** The first of them that is as the target says. */
  readonly wanted: "current" | "previous" | "next" | "neither";
  /** `previous` is as the good version says, and `current` is not. */
  readonly isGoodKept: boolean;
  /**
   * `current` is as the good version says, and was not exchanged for it: a trial leaves it as it
   * was.
   */
  readonly isLeft: boolean;
}

/** `good`: the version to go back to. */
export function slotsOf(options: {
  readonly deployment: string;
  readonly target: Target;
  readonly good: Target | null;
  readonly snapshot: Snapshot;
}): Slot[] {
  const { deployment, target, good, snapshot } = options;
  const context = specContext(deployment, snapshot);
  const named = (name: string): Container | undefined =>
    snapshot.containers.find((container) => container.deployment === deployment && container.name === name);
  return target.score.services.map((service): Slot => {
    const names = {
      current: containerName(deployment, service.name),
      next: nextName(deployment, service.name),
      previous: oldName(deployment, service.name),
    };
    const [current, next, previous] = [named(names.current), named(names.next), named(names.previous)];
    const inputs = inputsOf(service, context);
    // An input that is missing now may have been there when the container was made: that is no
    // reason to touch it. A container to go back to keeps its own.
    const isInputsKnown = target.kind === "desired" && inputs.missing.length === 0;
    const isGood = (container: Container | undefined): boolean =>
      good !== null && container !== undefined && isMadeAs(good, service.name, container, context);
    const fits = (container: Container | undefined): boolean =>
      container !== undefined &&
      (!isInputsKnown || container.inputs === inputs.label) &&
      isMadeAs(target, service.name, container, context);
    return {
      service,
      spec: containerSpec(target.score, service, context),
      inputs,
      names,
      current,
      next,
      previous,
      wanted: fits(current) ? "current" : fits(previous) ? "previous" : fits(next) ? "next" : "neither",
      isGoodKept: isGood(previous) && !isGood(current),
      isLeft: previous === undefined && isGood(current),
    };
  });
}

/** Whether its label names that Score, or another that derives the same container. */
function isMadeAs({ score, scoreString }: Target, serviceName: string, container: Container, context: SpecContext): boolean {
  const service = score.services.find(({ name }) => name === serviceName);
  if (service === undefined) return false;
  if (container.scoreString === scoreString) return true;
  const made = scoreOfLabel(container.scoreString);
  const before = made?.services.find(({ name }) => name === serviceName);
  return (
    made !== null &&
    before !== undefined &&
    canonicalJson(containerSpec(made, before, context)) === canonicalJson(containerSpec(score, service, context))
  );
}

function specContext(deployment: string, { device, controllers, host, application }: Snapshot): SpecContext {
  return { deployment, device, controllers, host, application };
}
