// Which version of a deployment it is: the KV revision of its Score and the source that wrote it.
// Inside the agent it is this value. It is text only on the Topology, where a person sees it in
// `podman inspect`, and from where an agent that has lost its memory learns it.

export interface Origin {
  readonly revision: number;
  readonly source: string;
}

/**
 * Whose an entry is, for what outlives it; the journal of volumes has this text. Undefined: it is
 * not known, as for what an agent without memory found.
 */
export function ownerOf({ namespace, source }: { readonly namespace: string; readonly source: string }): string | undefined {
  return namespace === "" ? undefined : `namespace ${namespace} of ${source}`;
}

export function formatOrigin(origin: Origin): string {
  return `${origin.revision} of ${origin.source}`;
}

/** Null: the Topology has other text there, as of something made by hand. */
export function parseOrigin(text: string): Origin | null {
  const [, revision, source] = /^(\d{1,15}) of (.+)$/s.exec(text) ?? [];
  return revision === undefined || source === undefined ? null : { revision: Number(revision), source };
}
