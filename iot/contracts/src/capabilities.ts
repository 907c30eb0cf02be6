// The capabilities in a device's inventory: words that selectors match on, so a word that was ever
// sent keeps its meaning for ever. A program's names for its own parts do not belong here. A device
// that is newer than its reader may have others.

export const CAPABILITIES = {
  /**
   * Containers under the Podman of the agent's own user, which a Score of the type PodmanV0 needs.
   */
  podman: "podman",
} as const;
export type Capability = (typeof CAPABILITIES)[keyof typeof CAPABILITIES];
