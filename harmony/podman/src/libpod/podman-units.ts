/**
 * Names the units behind Podman's socket, as anyone at the device can ask for them: a plain
 * `systemctl --user` shows those of the user who types it.
 */
export function podmanUnits(user: string): string {
  return `\`sudo systemctl --user --machine=${user}@ status podman.socket podman.service\``;
}
