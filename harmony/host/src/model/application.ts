// The names of the application for which a host is made ready: on the host, and in the sentences
// that a person reads there. The application hands all of them in, since this package knows no
// application.

import type { HostDefaults } from "../score/linux-host-v0-schema.ts";

export interface HostApplication extends HostDefaults {
  /**
   * Part of the names of the files that stay on the host: under another name the old files stay
   * too.
   */
  readonly program: string;
  /** The user's full name, as in `getent passwd`. */
  readonly userFullName: string;
  /** The command that a person types to provision. Files on the host name it as their writer. */
  readonly command: string;
  /**
   * Part of the names of what a run leaves on the host for a while: units, files below /run, a
   * copy.
   */
  readonly runName: string;
}

/** The first line of every file that is wholly ours. */
export function writtenBy({ command }: Pick<HostApplication, "command">): string {
  return `# Written by \`${command}\`, which writes it again when it differs.`;
}
