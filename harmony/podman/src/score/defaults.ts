// What a container gets when its Score does not say: the numbers that schema, documentation and the
// making of a container share (model/container-defaults.ts).

/** Podman's own default on the command line (containers.conf), which its API does not give. */
export const DEFAULT_PIDS: number = 2048;

/** How long a service may take to end after its stop signal: the mission's five minutes. */
export const DEFAULT_STOP_TIMEOUT_SECONDS = 300;
