// What a device says in its inventory that it can do: words that selectors match on, so that one
// that was ever sent keeps its meaning for ever. What a program calls its own parts is none of
// them. A device that is newer than its reader may say others.

export const CAPABILITIES = {
  /**
   * Containers under the Podman of the agent's own user: what a Score of the type PodmanV0 takes.
   */
  podman: "podman",
} as const;
export type Capability = (typeof CAPABILITIES)[keyof typeof CAPABILITIES];
