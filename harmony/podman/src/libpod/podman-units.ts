/**
 * The units behind Podman's socket, as anyone at the device can ask for them: a plain `systemctl
 * --user` looks at those of who types it.
 */
export function podmanUnits(user: string): string {
  return `\`sudo systemctl --user --machine=${user}@ status podman.socket podman.service\``;
}
