// How one service's container takes over from another, and how it goes back. The old one is stopped only when the new one exists, and what
// is good is kept under its `.old` name until the new one has proved itself. After a crash between any two steps the names say where to
// go on: `settle` brings names that a crash left half-way to where the rest of the planner begins.

import { portConflict } from "./port-conflict.ts";
import { serviceOfName } from "../model/names.ts";
import type { Role } from "./role.ts";
import { isCompleted, isUp } from "../model/container-state.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Container } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { SwapRecord } from "../model/swap-record.ts";

const DEFAULT_STOP_TIMEOUT_SECONDS = 300;
/** pasta, which holds the ports, ends a little after its container: one start in ten came too early on 5.4; on 4.9 it took over 2 s under load. */
export const PORT_RELEASE_MS = 5_000;

/** What there is to go back to, and where a failure is recorded; null: nothing, what goes is removed. */
export type Trial = { readonly deployment: string; readonly record: SwapRecord } | null;

export interface SwapContext {
  readonly trial: Trial;
  /** The old version serves until the next try: the new one is kept for it. */
  readonly keepsNext: boolean;
}

export function settle(role: Role, { trial }: SwapContext): Step[] {
  const { current, next, old, wanted, final, temporary } = role;
  const takeOver = (container: Container, to = final): Step => rename(role, container.name, to);
  if (next === undefined) {
    if (old === undefined || wanted === "current" || wanted === "next") return [];
    // What is wanted again is not what is gone back to: it takes over like any other.
    if (wanted === "old" && trial !== null) return [takeOver(old, current === undefined ? final : temporary)];
    return wanted === "neither" && current === undefined ? [takeOver(old)] : [];
  }
  if (wanted === "old") return trial === null ? [] : discard(next);
  if (current === undefined) return wanted === "next" || isUp(next) || old === undefined ? [takeOver(next)] : discard(next);
  if (wanted !== "neither") return [];
  // The one that serves stays until a third is there.
  return isUp(next) && !isUp(current) ? [...retire(role, current, trial), takeOver(next)] : discard(next);
}

/** Of a role that is not as the target says: its container stopped, the wanted one started. Names are put right after all are up. */
export function exchange(role: Role, context: SwapContext): { readonly stop: Step[]; readonly start: Step[]; readonly names: Step[] } {
  const { service, current, next, old, wanted, final, temporary } = role;
  const { trial, keepsNext } = context;
  const start = (container: string, patienceMs: number): Step => ({ kind: "start", service: service.name, container, patienceMs, trial });
  const run = (container: string, found: Container | undefined): Step[] => {
    if (found !== undefined && isUp(found)) return unpause(found);
    return found !== undefined && isCompleted(service, found) ? [] : [start(container, PORT_RELEASE_MS)];
  };
  const stopNext = next === undefined ? [] : stop(next);
  if (wanted === "current" && current !== undefined) {
    // The Score went back. What was stopped while a replacement stood beside it was stopped by us.
    return {
      stop: [...stopNext, ...(old === undefined ? [] : stop(old))],
      start: run(final, current),
      names: keepsNext || next === undefined ? [] : [remove(next)],
    };
  }
  if (wanted === "old" && old !== undefined) {
    const running = run(old.name, old);
    const takeOver = rename(role, old.name, final);
    if (current === undefined) {
      return { stop: stopNext, start: running, names: [takeOver, ...(next === undefined || keepsNext ? [] : [remove(next)])] };
    }
    const discardNext = next === undefined ? [] : [remove(next)];
    if (keepsNext) {
      return {
        stop: [...stopNext, ...stop(current)],
        start: running,
        names: [...discardNext, rename(role, current.name, temporary), takeOver],
      };
    }
    // Before the old one is started: on a full disk Podman could not clear up after what has ended, which holds its port until it is removed.
    return { stop: [...stopNext, ...discard(current)], start: running, names: [...discardNext, takeOver] };
  }
  if (current === undefined) return { stop: [], start: [start(final, 0)], names: [] };
  return { stop: stop(current), start: run(temporary, next), names: [...retire(role, current, trial), rename(role, temporary, final)] };
}

/** Frees the name of one that is stopped, and keeps what is gone back to. */
export function retire(role: Pick<Role, "old" | "former" | "isGoodKept">, current: Container, trial: Trial): Step[] {
  const { old, former, isGoodKept } = role;
  if (trial === null || isGoodKept) return [remove(current)];
  return [...(old === undefined ? [] : discard(old)), { kind: "rename", service: serviceOf(current), container: current.name, to: former }];
}

/** All that changes together. `retiring`: containers of services that the target does not have. */
export function exchangeAll(roles: readonly Role[], retiring: readonly Container[], context: SwapContext): Step[] {
  const exchanges = roles.map((role) => ({ role, ...exchange(role, context) }));
  // One service may take over the port of another, so that those are stopped before any is started.
  const isEarly = ({ role }: { readonly role: Role }): boolean => {
    const leaving = [role.current, role.next, role.old].filter((one) => one !== undefined && isUp(one));
    return leaving.some(
      (one) => one !== undefined && roles.some((other) => other !== role && portConflict(other.service.ports, [one]) !== null),
    );
  };
  return [
    ...retiring.flatMap(stop),
    ...exchanges.filter(isEarly).flatMap(({ stop }) => stop),
    ...exchanges.flatMap((one) => [...(isEarly(one) ? [] : one.stop), ...one.start]),
    ...exchanges.flatMap(({ names }) => names),
  ];
}

export function unpause(container: Container): Step[] {
  return container.state === "paused" ? [{ kind: "unpause", service: serviceOf(container), container: container.name }] : [];
}

export function stop(container: Container): Step[] {
  if (!isUp(container)) return [];
  const service = scoreOfLabel(container.scoreString)?.services.find(({ name }) => name === serviceOf(container));
  const timeoutSeconds = service?.stopTimeoutSeconds ?? DEFAULT_STOP_TIMEOUT_SECONDS;
  return [...unpause(container), { kind: "stop", service: serviceOf(container), container: container.name, timeoutSeconds }];
}

export function remove(container: Container): Step {
  return { kind: "remove", service: serviceOf(container), container: container.name };
}

export function discard(container: Container): Step[] {
  return [...stop(container), remove(container)];
}

function rename({ service }: Role, container: string, to: string): Step {
  return { kind: "rename", service: service.name, container, to };
}

function serviceOf({ name, deployment }: Container): string {
  return serviceOfName(deployment, name);
}
