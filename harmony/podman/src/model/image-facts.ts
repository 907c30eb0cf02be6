// Facts about images beside whether they exist: plain values for planner and report, gathered by
// image-store.ts.

/** In the order in which they are tried (images/damage.ts). */
export type Repair = "recreate" | "refetch" | "clear" | "repair";

export interface Incident {
  /** Podman's words. */
  readonly detail: string;
  readonly container: string;
  /**
   * The next repair. `exhausted`: all were tried, and it is still damaged. null: done, and no
   * damage found since.
   */
  readonly next: Repair | "exhausted" | null;
  readonly tried: readonly Repair[];
  readonly foundMs: number;
}

export interface UnusedImage {
  readonly id: string;
  /** A reference, or the id. */
  readonly name: string;
  readonly sizeBytes: number;
}

export interface ImageFacts {
  /** The incidents that wait for a repair or have none left, by service. */
  readonly incidents: Readonly<Record<string, Incident>>;
  /** Notes for a person about images that are in use all the same. */
  readonly notes: readonly string[];
  /** Ids of images that were read as a whole since the agent started. */
  readonly verified: readonly string[];
  /** The room for an image, by reference; only for a missing image. */
  readonly room: Readonly<Record<string, Room>>;
  /**
   * The bytes that must be freed, since a container of the deployment could not be made or started
   * on a full disk; 0: none.
   */
  readonly shortBytes: number;
  /**
   * The images that the agent pulled and nothing refers to, the oldest first; looked for only when
   * space is short.
   */
  readonly unused: readonly UnusedImage[];
}

export interface Room {
  readonly freeBytes: number;
  readonly neededBytes: number;
}

export const NO_IMAGE_FACTS: ImageFacts = { incidents: {}, notes: [], verified: [], room: {}, shortBytes: 0, unused: [] };
