// The facts from the device's own files about what a Score names: plain values for planner and
// report, read by host-view.ts. They never contain a secret's value, nor anything that it could be
// guessed from.

import type { Application } from "./application.ts";

/** `digest` has a key that only this device has: equal for equal bytes, and of no use elsewhere. */
export type SecretFact =
  | { readonly kind: "present"; readonly digest: string }
  | { readonly kind: "unreadable" }
  /** `cure`: of the other source of secrets, where there is one: what a person may do there. */
  | { readonly kind: "absent"; readonly cure?: string };

export type DeviceFact =
  /**
   * `sinceMs`: the time when the node, or the link to it, was made; 0 where the file system does
   * not give it.
   */
  | { readonly kind: "present"; readonly sinceMs: number }
  | { readonly kind: "absent" }
  | { readonly kind: "no-device" }
  /** `group`: the node's group, if it may use the node; null: its owner alone may. */
  | { readonly kind: "denied"; readonly group: string | null };

export type PathFact =
  /** `real`: the path when every link is followed. */
  { readonly kind: "present"; readonly real: string } | { readonly kind: "absent" } | { readonly kind: "denied" };

/** `folder`: `secrets` in Podman's graph root. `isMendable`: the agent may write there. */
export type SecretStoreFact =
  | { readonly kind: "in-order" }
  | { readonly kind: "damaged"; readonly folder: string; readonly detail: string; readonly isMendable: boolean };

/** The sentence where the agent itself may not write there, or may not even look. */
export function secretStoreDamaged({ user }: Pick<Application, "user">): string {
  return `Podman cannot read its store of secrets, perhaps since the power went while it was written: \`sudo mv ~${user}/.local/share/containers/storage/secrets ~${user}/secrets.damaged\` and \`sudo systemctl --user --machine=${user}@ stop podman.service\`; the agent fills it again`;
}

export interface InputFacts {
  /** Keyed by the names in the Score. */
  readonly secrets: Readonly<Record<string, SecretFact>>;
  readonly devices: Readonly<Record<string, DeviceFact>>;
  readonly paths: Readonly<Record<string, PathFact>>;
  /** The folder of the folders of files for containers. */
  readonly mountsFolder: string;
  /** The names of those of this deployment. */
  readonly mounts: readonly string[];
  /** The folder in which a person puts secrets. */
  readonly secretsFolder: string;
}

export const NO_INPUT_FACTS: InputFacts = { secrets: {}, devices: {}, paths: {}, mountsFolder: "", mounts: [], secretsFolder: "" };
