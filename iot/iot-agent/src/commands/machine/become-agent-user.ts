// A command that root has started goes on as the agent's user: what that user can write (its home,
// its state, its sockets) may hold links that it has planted, and followed as that user they lead
// no further than it may go itself. What only root has, such as the journal or a file that the
// person names, is opened before.

import { accessSync, constants, readFileSync } from "node:fs";
import { AGENT_USER } from "./accounts.ts";

/** Changes nothing unless this is root, nor on a machine without that user. */
export function becomeAgentUser(): void {
  if (process.getuid?.() !== 0) return;
  const user = linesOf("/etc/passwd").find(([name]) => name === AGENT_USER);
  const [, , uid = "", gid = "", , home = "/"] = user ?? [];
  if (uid === "" || gid === "") return;
  const groups = linesOf("/etc/group").filter(([, , , members = ""]) => members.split(",").includes(AGENT_USER));
  process.setgroups?.([gid, ...groups.map(([, , id]) => id)].map(Number));
  process.setgid?.(Number(gid));
  process.setuid?.(Number(uid));
  // Podman, which is started from here, needs it.
  Object.assign(process.env, { HOME: home, USER: AGENT_USER, XDG_RUNTIME_DIR: `/run/user/${uid}` });
  try {
    accessSync(".", constants.X_OK);
  } catch {
    process.chdir("/");
  }
}

function linesOf(file: string): readonly (readonly string[])[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(":"));
}
