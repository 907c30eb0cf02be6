// Frees a name that Podman's storage holds and none of Podman's containers bears. Podman keeps
// names twice, in its database and with the storage, and a power cut between the two leaves them
// apart. A container that was being made is then in the storage alone, and one that was being
// renamed bears the new name while its storage has the old one.

import type { Podman } from "../libpod/podman.ts";
import { PodmanError } from "../libpod/podman-error.ts";

/**
 * Whether the name could be freed, after a create has failed with `error`; false: a container bears
 * it, or the error is another.
 */
export async function freeName(podman: Podman, name: string, error: unknown, signal: AbortSignal): Promise<boolean> {
  if (!(error instanceof PodmanError) || error.code !== "conflict" || (await nameOf(podman, name, signal)) !== null) return false;
  const id = /in use by ([0-9a-f]{64})/.exec(error.detail)?.[1];
  const holder = id === undefined ? null : await nameOf(podman, id, signal);
  if (holder === null) await podman.removeContainer(name, signal);
  else {
    // A rename writes both.
    await podman.renameContainer(holder, `${holder}.renamed`, signal);
    await podman.renameContainer(`${holder}.renamed`, holder, signal);
  }
  return true;
}

/** Looks up by a name or an id; null: there is none. */
async function nameOf(podman: Podman, container: string, signal: AbortSignal): Promise<string | null> {
  try {
    return (await podman.inspectContainer(container, signal)).Name;
  } catch (error) {
    if (error instanceof PodmanError && error.code === "not-found") return null;
    throw error;
  }
}
