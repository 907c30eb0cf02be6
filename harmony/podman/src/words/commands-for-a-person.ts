// The commands that more than one sentence names, as they work for anyone at the device: the
// containers belong to the application's user, so a plain `podman` or `systemctl --user` of another
// user shows nothing of it. The application's own `podman` command is Podman as that user has it.

/**
 * The login is kept over a reboot, unlike the file that `podman login` writes by itself. It is in
 * the user's home, since Podman must be able to enter the folder.
 */
export function loginCommand(user: string, registry: string): string {
  return `\`sudo -H -u ${user} sh -c 'cd && podman login --authfile .config/containers/auth.json ${registry}'\``;
}
