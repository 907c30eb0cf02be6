// What is known of images beside whether they are there: plain values for planner and report,
// gathered by image-store.ts.

/** In the order in which they are tried (images/damage.ts). */
export type Repair = "recreate" | "refetch" | "clear" | "repair";

export interface Incident {
  /** Podman's words. */
  readonly detail: string;
  readonly container: string;
  /**
   * To be done next. `exhausted`: all were tried, and it is damaged still. null: done, and not
   * found damaged since.
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
  /** By service, those that wait for a repair or have none left. */
  readonly incidents: Readonly<Record<string, Incident>>;
  /** What a person should know of what is in use all the same. */
  readonly notes: readonly string[];
  /** Ids of images that were read as a whole since the agent started. */
  readonly verified: readonly string[];
  /** Looked at only when an image is missing; by reference. */
  readonly room: Readonly<Record<string, Room>>;
  /**
   * So much more has to be free than is, since a container of the deployment could not be made or
   * started on a full disk; 0: none.
   */
  readonly shortBytes: number;
  /**
   * Images that the agent pulled and nothing refers to, the oldest first; looked for only when
   * space is short.
   */
  readonly unused: readonly UnusedImage[];
}

export interface Room {
  readonly freeBytes: number;
  readonly neededBytes: number;
}

export const NO_IMAGE_FACTS: ImageFacts = { incidents: {}, notes: [], verified: [], room: {}, shortBytes: 0, unused: [] };
