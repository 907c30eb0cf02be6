// What a container gets where its Score does not say, as it is made: no new privileges, tmpfs
// without setuid programs and device nodes, a limit of processes. Pure. It is no part of the spec
// that shows whether a container is as the Score says (slot.ts), so neither an upgrade of the agent
// nor another default touches a container that runs.

import { DEFAULT_PIDS } from "../score/defaults.ts";
import type { ContainerSpec } from "./container-spec.ts";

/** A later option of a pair takes the place of an earlier one, and a written one of a default. */
const TMPFS_PAIRS = [
  ["nosuid", "suid"],
  ["nodev", "dev"],
] as const;

/** `controllers`: the cgroup controllers that can enforce a limit here. */
export function withDefaults(spec: ContainerSpec, controllers: readonly string[]): ContainerSpec {
  const { mounts, resource_limits: limits, no_new_privileges: isBound } = spec;
  const pids = limits?.pids ?? (controllers.includes("pids") ? { limit: DEFAULT_PIDS } : undefined);
  return {
    ...spec,
    no_new_privileges: isBound ?? true,
    mounts: mounts.map((mount) => (mount.type === "tmpfs" ? { ...mount, options: tmpfsOptions(mount.options) } : mount)),
    resource_limits: pids === undefined ? limits : { ...limits, pids },
  };
}

function tmpfsOptions(written: readonly string[]): string[] {
  const missing = TMPFS_PAIRS.filter((pair) => !pair.some((option) => written.includes(option)));
  return [...written, ...missing.map(([safe]) => safe)];
}
