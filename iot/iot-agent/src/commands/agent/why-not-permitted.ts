// Says why this user may not ask the agent: he is not in its group, or was not yet when he logged
// in.

import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { membersOf } from "../machine/accounts.ts";

const GROUP = "iot-agent";

export type Environment = Readonly<Record<string, string | undefined>>;

export async function whyNotPermitted({ env }: { readonly env: Environment }): Promise<string> {
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const user = env["USER"] ?? userInfo().username;
  return notPermittedSentence({ user, members: membersOf(groups, GROUP) });
}

/** Pure. */
export function notPermittedSentence({ user, members }: { readonly user: string; readonly members: readonly string[] }): string {
  if (members.includes(user)) return `you are in the group ${GROUP} since after you logged in: log in again`;
  return `you are not in the group ${GROUP}: sudo usermod -aG ${GROUP} ${user}, then log in again`;
}
