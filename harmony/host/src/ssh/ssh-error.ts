// Finds out why a host could not be reached from the output of the OpenSSH client, or of sudo
// behind it: one sentence for a person, with what would fix it.

export type SshErrorCode =
  | "NoSshClient"
  | "HostKeyUnknown"
  | "HostKeyChanged"
  | "PermissionDenied"
  | "NameNotResolved"
  | "Unreachable"
  | "ConnectionLost"
  | "SudoNeedsPassword"
  | "SudoRefused"
  | "TimedOut";

export class SshError extends Error {
  readonly code: SshErrorCode;
  constructor(code: SshErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SshError";
    this.code = code;
  }
}

interface SshTarget {
  readonly user?: string | undefined;
  readonly host: string;
  readonly port?: number | undefined;
}

type Rule = readonly [said: RegExp, code: SshErrorCode, message: (at: string, target: SshTarget, said: string) => string];

const SSH_SAID: readonly Rule[] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    "HostKeyChanged",
    (at, { host, port }) =>
      `${at} shows another host key than the known one: if the device was set up anew, remove the old key with "ssh-keygen -R ${knownHostsName(host, port)}" and compare the new one; if not, somebody may be in between`,
  ],
  [
    /Host key verification failed|No \S+ host key is known/,
    "HostKeyUnknown",
    (at, { user, host, port }) =>
      `the host key of ${at} is not known here: log in once with "ssh ${port === undefined ? "" : `-p ${port} `}${user === undefined ? "" : `${user}@`}${host}" and compare the fingerprint, or say --accept-new-host-key`,
  ],
  [
    /Permission denied|Too many authentication failures|no such identity|Load key .*: (?!Permission)/i,
    "PermissionDenied",
    (at, { user }) =>
      `${at} does not let ${user ?? "this user"} in with the keys offered: put your public key into that user's ~/.ssh/authorized_keys (ssh-copy-id does it), or name another with --identity or --user`,
  ],
  [
    /Could not resolve hostname/,
    "NameNotResolved",
    (at, { host }) => `the name ${host} leads to no address: check how it is written, or use the device's IP address`,
  ],
  [
    /Connection refused/,
    "Unreachable",
    (at) =>
      `${at} refuses the connection: sshd does not run there or listens on another port (--port); on the device: "sudo systemctl enable --now ssh"`,
  ],
  [
    /timed out|No route to host|Network is unreachable|Host is down/,
    "Unreachable",
    (at) => `${at} does not answer: check that the device is on, its cable or Wi-Fi, and the address`,
  ],
];

const SUDO_SAID: readonly Rule[] = [
  [
    /sudo: (a password is required|a terminal is required)/,
    "SudoNeedsPassword",
    (at, { user }) =>
      `sudo asks ${user ?? "the user"} for a password on ${at}, and there is nobody to type it: on the device, put "${user ?? "USER"} ALL=(ALL) NOPASSWD: ALL" into /etc/sudoers.d/010_${user ?? "USER"}-nopasswd (with visudo -f), or log in as root`,
  ],
  [
    /is not in the sudoers file|is not allowed to (run|execute)|may not run sudo/,
    "SudoRefused",
    (at, { user }) =>
      `${user ?? "the user"} may not use sudo on ${at}: "adduser ${user ?? "USER"} sudo" as root, or name another user with --user`,
  ],
  [
    /sudo: (command )?not found|exec: sudo: not found|sudo.*No such file/,
    "SudoRefused",
    (at) => `${at} has no sudo: install it as root, or log in as root with --user root`,
  ],
];

/** Explains the exit code 255, which is ssh's own. */
export function toSshError(target: SshTarget, stderr: string): SshError {
  const at = name(target);
  const found = match(SSH_SAID, target, stderr);
  if (found !== null) return found;
  const last = stderr.trim().split("\n").at(-1)?.trim() ?? "";
  return new SshError("ConnectionLost", `the connection to ${at} broke off${last === "" ? "" : ` (ssh: ${last})`}: try again`);
}

/** Explains a script that sudo did not let run; null: it ran. */
export function toSudoError(target: SshTarget, stderr: string): SshError | null {
  return match(SUDO_SAID, target, stderr);
}

function match(rules: readonly Rule[], target: SshTarget, stderr: string): SshError | null {
  const rule = rules.find(([said]) => said.test(stderr));
  return rule === undefined ? null : new SshError(rule[1], rule[2](name(target), target, stderr));
}

function name({ host, port }: SshTarget): string {
  return port === undefined ? host : `${host} (port ${port})`;
}

function knownHostsName(host: string, port: number | undefined): string {
  return port === undefined || port === 22 ? host : `"[${host}]:${port}"`;
}
