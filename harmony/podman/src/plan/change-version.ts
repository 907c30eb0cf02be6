// Changes from the present containers to the version that should be in force: images are pulled and
// containers made while the old ones still run, then they are exchanged. A change is made whole or
// not at all, since half of two versions is worse than all of the old one.

import { createAll, pullAll } from "./make-ready.ts";
import { portConflict, portsOf } from "./port-conflict.ts";
import { isBlocked, isPrevious, type Situation } from "./situation.ts";
import type { Slot } from "./slot.ts";
import { type Stage, stepsOr } from "./stage.ts";
import { inputsOfKept } from "./start-services.ts";
import { exchangeAll, retire } from "./swap.ts";
import { journal } from "./trial.ts";
import { isUp } from "../model/container-state.ts";
import { containerName, imageReference, oldName, serviceOfName } from "../model/names.ts";
import type { Container } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";

/**
 * Starts the old version again. After a power cut it is down, and the new one may be long in
 * coming, for its image is fetched or another deployment has its port; the same is so while a trial
 * is given up for another.
 */
export const reviveCurrent: Stage<Situation> = {
  name: "revive-current",
  purpose: "what served before is down, and its replacement has to be fetched first, or waits for a port",
  plan: (situation) => stepsOr(revivals(situation), "nothing is down that waits for an image"),
};

export const pullImages: Stage<Situation> = {
  name: "pull-images",
  purpose: "an image of the version is not on the device, or is to be asked for anew",
  plan({ changing, blocked, snapshot }) {
    if (changing.some((slot) => isBlocked(slot, blocked))) return { stoodBack: BLOCKED };
    return stepsOr(pullAll(changing, snapshot), "no image is to be pulled");
  },
};

/**
 * Makes the containers of the new version, records its trial, and exchanges the old ones for them.
 */
export const changeVersion: Stage<Situation> = {
  name: "change-version",
  purpose: "containers are not as the version says",
  plan(situation) {
    const { deployment, target, snapshot, changing, strays, blocked, isToBegin, opened, swap, awaited } = situation;
    if (changing.some((slot) => isBlocked(slot, blocked))) return { stoodBack: BLOCKED };
    if (isWaitingForWork(situation)) return { stoodBack: "a container that it would stop is at work" };
    if (revivals(situation).length > 0) return { stoodBack: "what served before is started first" };
    if (changing.length === 0 && strays.length === 0) return { stoodBack: "every container is as the version says" };
    // A secret that two services have is created once.
    const provided = inputsOfKept(situation);
    const secrets = new Set(provided.flatMap((step) => (step.kind === "createSecret" ? [step.secret] : [])));
    const isProvided = (step: Step): boolean => step.kind === "createSecret" && secrets.has(step.secret);
    const made = createAll({ deployment, target, snapshot, changing }).filter((step) => !isProvided(step));
    // What may be at work is looked at again when all is made, just before it is stopped.
    if (awaited.mayWait && changing.some(({ wanted }) => wanted === "neither")) return made;
    const begin = isToBegin && opened !== null ? [journal(deployment, { record: opened, why: "a new version is on trial" })] : [];
    return [...made, ...begin, ...exchangeAll(changing, strays, swap), ...strays.flatMap((stray) => leave(stray, situation))];
  },
};

const BLOCKED = "something stands in the way of a service, and a change is made whole or not at all";

function isWaitingForWork({ awaited, obstacles }: Situation): boolean {
  return awaited.blocked.some((one) => obstacles.includes(one));
}

function revivals(situation: Situation): Step[] {
  const { changing, kept, portWaits, snapshot } = situation;
  // A change is made whole or not at all, so all of it waits.
  const isWaiting =
    isWaitingForWork(situation) ||
    portWaits.some(({ kind, blocked }) => kind !== "release" && changing.some((slot) => isBlocked(slot, [blocked])));
  const starting = kept.filter(({ need }) => need === "start").map(({ current }) => current);
  const held = portsOf([...snapshot.containers.filter(isUp), ...starting]);
  return changing.flatMap(({ service, current, wanted }: Slot): Step[] => {
    if (current === undefined || isUp(current) || current.startedAtMs === null) return [];
    if (wanted !== "neither" && !(wanted === "next" && isWaiting)) return [];
    if (current.stoppedByUser && snapshot.record.trial === null) return [];
    const isThere = snapshot.images[imageReference(service.image)] !== null;
    return (isThere && !isWaiting) || portConflict(current.ports, held) !== null
      ? []
      : [{ kind: "revive", service: service.name, container: current.name }];
  });
}

/** Stops a container of a service that the version does not have. */
function leave(stray: Container, { from, own, swap }: Situation): Step[] {
  const { deployment, name } = stray;
  if (isPrevious(stray)) return [];
  const service = serviceOfName(deployment, name);
  const names = { previous: oldName(deployment, service) };
  const previous = own.find((container) => container.name === names.previous);
  const isOfGood = name === containerName(deployment, service) && from?.score.services.some((one) => one.name === service) === true;
  return retire({ previous, names, isGoodKept: previous !== undefined }, stray, isOfGood ? swap.trial : null);
}
