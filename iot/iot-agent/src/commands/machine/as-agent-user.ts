// A part of root's command that is done as the agent's user: what it opens or writes there cannot
// be more than that user's own. Root goes on afterwards.

import { readFileSync } from "node:fs";
import { AGENT_USER } from "./accounts.ts";

/** Changes nothing unless this is root, nor on a machine without that user. */
export async function asAgentUser<Result>(part: () => Promise<Result>): Promise<Result> {
  const user = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === AGENT_USER);
  const [, , uid = "", gid = ""] = user ?? [];
  if (process.getuid?.() !== 0 || uid === "" || gid === "") return part();
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([Number(gid), ...otherGroups()]);
  process.setegid?.(Number(gid));
  process.seteuid?.(Number(uid));
  try {
    return await part();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}

/** One of them may open the TPM. */
function otherGroups(): readonly number[] {
  return readFileSync("/etc/group", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .filter(([, , , members = ""]) => members.split(",").includes(AGENT_USER))
    .map(([, , gid]) => Number(gid));
}
