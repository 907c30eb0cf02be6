// What the application is called for which a host is made ready: on the host, and in what a person
// reads there. All of it is handed in, since this package knows no application.

import type { HostDefaults } from "../score/linux-host-v0-schema.ts";

export interface HostApplication extends HostDefaults {
  /** In the names of the files that stay on the host: under another one the old files stay too. */
  readonly program: string;
  /** The user's full name, as in `getent passwd`. */
  readonly userFullName: string;
  /** What a person types to provision. Files of the host say that it has written them. */
  readonly command: string;
  /** In the names of what a run leaves on the host for a while: units, files below /run, a copy. */
  readonly runName: string;
}

/** The first line of every file that is whole ours. */
export function writtenBy({ command }: Pick<HostApplication, "command">): string {
  return `# Written by \`${command}\`, which writes it again when it differs.`;
}
