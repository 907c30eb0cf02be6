// What keeps the whole device from following, as opposed to one deployment: each part of the agent
// has a place for its own, and the status reports the worst. A line in the log when one comes and
// when it goes.

import { EventEmitter } from "node:events";
import type { Log } from "@harmony/runtime";
import type { ReadReason, Reason } from "./reasons.ts";

/** The worst first. */
const PLACES = ["identity", "topology", "state", "manifest"] as const;
export type ProblemPlace = (typeof PLACES)[number];

export interface Problem {
  readonly reason: Reason | ReadReason;
  readonly message: string;
  /** RFC 3339. */
  readonly since: string;
}

export class Problems {
  readonly events = new EventEmitter<{ changed: [] }>();
  readonly #log: Log;
  readonly #places = new Map<ProblemPlace, Problem>();

  constructor(options: { readonly log: Log }) {
    this.#log = options.log;
  }

  set(place: ProblemPlace, { reason, message }: Omit<Problem, "since">): void {
    const before = this.#places.get(place);
    const since = before?.reason === reason ? before.since : new Date().toISOString();
    this.#places.set(place, { reason, message, since });
    if (before?.reason === reason) return;
    // The connection itself reports once that NATS is not reached.
    if (reason !== "NotConnected") this.#log.warn(message, { reason });
    this.events.emit("changed");
  }

  clear(place: ProblemPlace): void {
    const before = this.#places.get(place);
    if (before === undefined) return;
    this.#places.delete(place);
    if (before.reason !== "NotConnected") this.#log.info("a problem is over", { reason: before.reason });
    this.events.emit("changed");
  }

  worst(): Problem | undefined {
    return PLACES.map((place) => this.#places.get(place)).find((problem) => problem !== undefined);
  }
}
