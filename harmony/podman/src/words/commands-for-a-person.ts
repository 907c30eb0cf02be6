// The commands that more than one sentence names, as they work for whoever stands at the device: the containers belong to the user iot-agent,
// so a plain `podman` or `systemctl --user` of another user looks at nothing of it. `iot-agent podman …` is Podman as that user has it.

/** The units behind Podman's socket. */
export const PODMAN_UNITS = "`sudo systemctl --user --machine=iot-agent@ status podman.socket podman.service`";

/** Kept over a reboot, unlike the file that `podman login` writes by itself; and in his home, since Podman must be able to enter where it is. */
export function loginCommand(registry: string): string {
  return `\`sudo -H -u iot-agent sh -c 'cd && podman login --authfile .config/containers/auth.json ${registry}'\``;
}
