// Plans how one service's container takes over from another, and how it goes back. The old one is
// stopped only when the new one exists, and the good one is kept under its `.old` name until the
// new one has proved itself. After a crash between any two steps the names say where to go on:
// `settle` brings names that a crash left half-way to where the rest of the planner begins.

import { HeldPorts } from "../score/held-ports.ts";
import { serviceOfName } from "../model/names.ts";
import type { Slot } from "./slot.ts";
import { isCompleted, isUp } from "../model/container-state.ts";
import { DEFAULT_STOP_TIMEOUT_SECONDS } from "../score/defaults.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import type { Container } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import type { SwapRecord } from "../model/swap-record.ts";

/**
 * pasta, which holds the ports, ends a little after its container: one start in ten came too early
 * on 5.4; on 4.9 it took over 2 s under load.
 */
export const PORT_RELEASE_MS = 5_000;

/**
 * The version to go back to, and the record for a failure; null: none, and the replaced containers
 * are removed.
 */
export type Trial = { readonly deployment: string; readonly record: SwapRecord } | null;

export interface SwapContext {
  readonly trial: Trial;
  /** The old version serves until the next try: the next container is kept for it. */
  readonly keepsNext: boolean;
}

export function settle(slot: Slot, { trial }: SwapContext): Step[] {
  const { current, next, previous, wanted, names } = slot;
  const takeOver = (container: Container, to = names.current): Step => rename(slot, container.name, to);
  if (next === undefined) {
    if (previous === undefined || wanted === "current" || wanted === "next") return [];
    // The Score asks for the previous container again, as a change and not as the way back: it
    // takes over like any other.
    if (wanted === "previous" && trial !== null) return [takeOver(previous, current === undefined ? names.current : names.next)];
    return wanted === "neither" && current === undefined ? [takeOver(previous)] : [];
  }
  if (wanted === "previous") return trial === null ? [] : discard(next);
  if (current === undefined) return wanted === "next" || isUp(next) || previous === undefined ? [takeOver(next)] : discard(next);
  if (wanted !== "neither") return [];
  // The serving container stays until a third exists.
  return isUp(next) && !isUp(current) ? [...retire(slot, current, trial), takeOver(next)] : discard(next);
}

/**
 * Exchanges the containers of a slot that is not as the target says: its container is stopped, the
 * wanted one started. Names are put right after all are up.
 */
export function exchange(slot: Slot, context: SwapContext): { readonly stop: Step[]; readonly start: Step[]; readonly names: Step[] } {
  const { service, current, next, previous, wanted, names } = slot;
  const { trial, keepsNext } = context;
  const start = (container: string, patienceMs: number): Step => ({ kind: "start", service: service.name, container, patienceMs, trial });
  const run = (container: string, found: Container | undefined): Step[] => {
    if (found !== undefined && isUp(found)) return unpause(found);
    return found !== undefined && isCompleted(service, found) ? [] : [start(container, PORT_RELEASE_MS)];
  };
  const stopNext = next === undefined ? [] : stop(next);
  if (wanted === "current" && current !== undefined) {
    // The Score went back. We stopped this container while a replacement stood beside it.
    return {
      stop: [...stopNext, ...(previous === undefined ? [] : stop(previous))],
      start: run(names.current, current),
      names: keepsNext || next === undefined ? [] : [remove(next)],
    };
  }
  if (wanted === "previous" && previous !== undefined) {
    const running = run(previous.name, previous);
    const takeOver = rename(slot, previous.name, names.current);
    if (current === undefined) {
      return { stop: stopNext, start: running, names: [takeOver, ...(next === undefined || keepsNext ? [] : [remove(next)])] };
    }
    const discardNext = next === undefined ? [] : [remove(next)];
    if (keepsNext) {
      return {
        stop: [...stopNext, ...stop(current)],
        start: running,
        names: [...discardNext, rename(slot, current.name, names.next), takeOver],
      };
    }
    // The removal comes before the start of the old one: on a full disk Podman could not clean up
    // after the ended container, which holds its port until it is removed.
    return { stop: [...stopNext, ...discard(current)], start: running, names: [...discardNext, takeOver] };
  }
  if (current === undefined) return { stop: [], start: [start(names.current, 0)], names: [] };
  return {
    stop: stop(current),
    start: run(names.next, next),
    names: [...retire(slot, current, trial), rename(slot, names.next, names.current)],
  };
}

/** Frees the name of a stopped container, and keeps the one to go back to. */
export function retire(
  { previous, names, isGoodKept }: Pick<Slot, "previous" | "isGoodKept"> & { readonly names: Pick<Slot["names"], "previous"> },
  current: Container,
  trial: Trial,
): Step[] {
  if (trial === null || isGoodKept) return [remove(current)];
  return [
    ...(previous === undefined ? [] : discard(previous)),
    { kind: "rename", service: serviceOf(current), container: current.name, to: names.previous },
  ];
}

/**
 * Exchanges all that changes together. `retiring`: containers of services that the target does not
 * have.
 */
export function exchangeAll(slots: readonly Slot[], retiring: readonly Container[], context: SwapContext): Step[] {
  const exchanges = slots.map((slot) => ({ slot, ...exchange(slot, context) }));
  // One service may take over the port of another, so those are stopped before any is started.
  const wanted = new HeldPorts<Slot>();
  for (const slot of slots) for (const port of slot.service.ports) wanted.add(port, slot);
  const early = new Set(
    slots.filter((slot) =>
      [slot.current, slot.next, slot.previous].some(
        (one) => one !== undefined && isUp(one) && one.ports.some((port) => wanted.holderOf(port, slot) !== undefined),
      ),
    ),
  );
  const isEarly = ({ slot }: { readonly slot: Slot }): boolean => early.has(slot);
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

function rename({ service }: Slot, container: string, to: string): Step {
  return { kind: "rename", service: service.name, container, to };
}

function serviceOf({ name, deployment }: Container): string {
  return serviceOfName(deployment, name);
}
