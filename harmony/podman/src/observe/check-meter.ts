// Measures for how long the health check of a container has been silent, by the clock that never
// jumps. Podman gives the runs of a check only with the whole of a container, so a container that
// is healthy is asked for them once in half the time that its check may take.

import { systemClock } from "@harmony/runtime";
import type { Podman } from "../libpod/podman.ts";
import { serviceOfName } from "../model/names.ts";
import { scoreOfLabel } from "../score/score-label.ts";
import { healthDeadlineMs } from "../model/health.ts";
import type { Container } from "../model/snapshot.ts";
import type { Service } from "../score/service.ts";

interface Heard {
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  /** The end of the last run, as Podman writes it. */
  readonly end: string;
  readonly sinceMs: number;
  readonly askedMs: number;
}

/** A check that has not answered sooner is worth a question each time. */
const PATIENCE_MS = 5_000;

/** What the last run of its health check said, and for how long none has ended. */
export async function lookAtCheck(
  { podman, checks }: { readonly podman: Pick<Podman, "inspectContainer">; readonly checks: CheckMeter },
  container: Container,
  signal: AbortSignal,
): Promise<Pick<Container, "lastCheck" | "silentMs">> {
  const { name, deployment, scoreString } = container;
  const service = scoreOfLabel(scoreString)?.services.find((one) => one.name === serviceOfName(deployment, name));
  const isAsked = checks.isToAsk(container, service, systemClock.monotonicMs());
  const last = isAsked ? (await podman.inspectContainer(name, signal)).State.Health.Log.at(-1) : undefined;
  const silentMs = checks.note(container, isAsked ? (last?.End ?? "") : null, systemClock.monotonicMs());
  return { lastCheck: last === undefined ? null : { exitCode: last.ExitCode, output: last.Output }, silentMs };
}

export class CheckMeter {
  readonly #heard = new Map<string, Heard>();

  /** `service`: of the Score that the container was made from; undefined: that cannot be read. */
  isToAsk(container: Container, service: Service | undefined, monotonicMs: number): boolean {
    const { state, health, upMs } = container;
    if (state !== "running" || health === "none") return false;
    if (health === "unhealthy") return true;
    if (health === "starting") return upMs > PATIENCE_MS;
    const heard = this.#of(container);
    if (heard === undefined) return true;
    const halfMs = healthDeadlineMs(service ?? {}) / 2;
    // One that has been silent is asked each time, so that two looks do not differ.
    return heard.askedMs - heard.sinceMs > halfMs || monotonicMs - heard.askedMs > halfMs;
  }

  /** `end`: of the last run; null: not asked. Gives how long nothing new was heard. */
  note(container: Container, end: string | null, monotonicMs: number): number {
    const { name, createdAtMs, startedAtMs, state, health } = container;
    if (state !== "running" || health === "none") {
      this.#heard.delete(name);
      return 0;
    }
    const before = this.#of(container);
    if (end !== null) {
      const sinceMs = before?.end === end ? before.sinceMs : monotonicMs;
      this.#heard.set(name, { createdAtMs, startedAtMs, end, sinceMs, askedMs: monotonicMs });
      return monotonicMs - sinceMs;
    }
    // Only what was asked just now says that it is silent.
    return 0;
  }

  #of({ name, createdAtMs, startedAtMs }: Container): Heard | undefined {
    const heard = this.#heard.get(name);
    return heard?.createdAtMs === createdAtMs && heard.startedAtMs === startedAtMs ? heard : undefined;
  }
}
