// Why this user may not ask the agent: he is not in its group, or was not yet when he logged in.

import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import type { Surroundings } from "./command.ts";

export const GROUP = "iot-agent";

export async function whyNotPermitted(at: Surroundings): Promise<string> {
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const user = at.env["USER"] ?? userInfo().username;
  return notPermittedSentence({ user, members: membersOf(groups, GROUP) });
}

/** Pure. */
export function membersOf(groups: string, name: string): readonly string[] {
  const line = groups.split("\n").find((each) => each.startsWith(`${name}:`));
  return (line?.split(":")[3] ?? "").split(",").filter((member) => member !== "");
}

/** Pure. */
export function notPermittedSentence({ user, members }: { readonly user: string; readonly members: readonly string[] }): string {
  if (members.includes(user)) return `you are in the group ${GROUP} since after you logged in: log in again`;
  return `you are not in the group ${GROUP}: sudo usermod -aG ${GROUP} ${user}, then log in again`;
}
