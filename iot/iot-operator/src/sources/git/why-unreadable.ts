// What would help when git or a repository cannot be read. Pure.

import type { GitErrorCode } from "../reasons.ts";

const CURES: Readonly<Record<GitErrorCode, string>> = {
  // The sentence of git-program.ts has it.
  MissingProgram: "",
  MissingBranch: "push it, or set IOT_GIT_BRANCH",
  MissingRepository: "correct IOT_GIT_URL, or give the user of its credentials the right to read it",
  MissingPath: "correct IOT_GIT_PATH, or push the folder",
  MissingObject: "nothing has to be done, the copy is fetched anew; check that the repository is whole (`git fsck`) if it stays so",
  WrongCredentials: "set IOT_GIT_USERNAME and IOT_GIT_PASSWORD_FILE, or IOT_GIT_SSH_KEY_FILE",
  UnknownHostKey: "set IOT_GIT_SSH_KNOWN_HOSTS_FILE to a file with the host's key",
  Unreachable: "check the network between the operator and that host, and IOT_GIT_URL; it is tried again",
  Timeout: "check the network between the operator and that host; it is tried again",
  Failed: "see the log of the git server; it is tried again",
};

export function whyUnreadable(what: string, { code, message }: { readonly code: GitErrorCode; readonly message: string }): string {
  const cure = CURES[code];
  return `failed to read ${what}: ${message}${cure === "" ? "" : `; ${cure}`}`;
}
