// Knows the damage in Podman's storage, and what was done about it, by service. First the container
// is made again. If that does not help, the image is removed and fetched again; then also the
// images that nothing uses, since a damaged layer that they share is not fetched again; at last
// Podman checks all of its storage. Each repair is tried once an incident, which ends an hour after
// damage was last found. Kept in memory, by a clock that nobody sets: an agent that starts anew may
// try each once more.

import type { Repair, Incident } from "../model/image-facts.ts";

const REPAIRS: readonly Repair[] = ["recreate", "refetch", "clear", "repair"];
const INCIDENT_MS = 3_600_000;

type Incidents = Readonly<Record<string, Incident>>;

export class DamageRecord {
  readonly #incidents = new Map<string, Incident>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** `where`: the damaged part. Another container does not repair an image that cannot be read. */
  found(key: ServiceKey, where: "container" | "image", what: { container: string; detail: string }): void {
    this.#incidents.set(keyOf(key), this.#after(key, where, what));
  }

  done(key: ServiceKey, repair: Repair): void {
    const before = this.#current(key);
    if (before !== undefined) this.#incidents.set(keyOf(key), { ...before, next: null, tried: [...before.tried, repair] });
  }

  /**
   * The incidents of a deployment, by service, with the damage found in its images just now. That
   * damage is not recorded here.
   */
  of(deployment: string, services: readonly string[], damagedImages: ReadonlyMap<string, string> = new Map()): Incidents {
    return Object.fromEntries(
      services.flatMap((service) => {
        const key = { deployment, service };
        const detail = damagedImages.get(service);
        const incident = detail === undefined ? this.#current(key) : this.#after(key, "image", { container: "", detail });
        return incident === undefined || incident.next === null ? [] : [[service, incident] as const];
      }),
    );
  }

  /** Records the result of `of`. */
  keep(deployment: string, incidents: Incidents): void {
    for (const [service, incident] of Object.entries(incidents)) this.#incidents.set(keyOf({ deployment, service }), incident);
  }

  /** Lets every repair be tried again. */
  forget(deployment: string): void {
    for (const key of this.#incidents.keys()) if (key.startsWith(`${deployment}_`)) this.#incidents.delete(key);
  }

  #after(key: ServiceKey, where: "container" | "image", { container, detail }: { container: string; detail: string }): Incident {
    const before = this.#current(key);
    const tried = before?.tried ?? [];
    const fits = REPAIRS.filter((repair) => !tried.includes(repair) && !(repair === "recreate" && where === "image"));
    // A repair that was decided on and not yet done comes first.
    const next = before?.next ?? fits[0] ?? "exhausted";
    return { detail, container, next, tried, foundMs: this.#monotonicMs() };
  }

  #current(key: ServiceKey): Incident | undefined {
    const incident = this.#incidents.get(keyOf(key));
    if (incident === undefined || this.#monotonicMs() - incident.foundMs < INCIDENT_MS) return incident;
    this.#incidents.delete(keyOf(key));
    return undefined;
  }
}

export interface ServiceKey {
  readonly deployment: string;
  readonly service: string;
}

function keyOf({ deployment, service }: ServiceKey): string {
  return `${deployment}_${service}`;
}
