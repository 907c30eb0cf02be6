// Which socket of Podman this user may ask: the one for the group, or, for root and the agent's own
// user, that user's own.

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "@harmony/runtime";
import { AGENT_USER, uidOf } from "../machine/accounts.ts";
import { machine } from "../machine/machine.ts";
import { EXIT } from "./exit-codes.ts";
import { type Environment, whyNotPermitted } from "./why-not-permitted.ts";

/** @throws UserError when the folder of the group's socket is closed to this user. */
export async function podmanSocket({ runDir, env }: { readonly runDir: string; readonly env: Environment }): Promise<string> {
  const ofGroup = join(runDir, "podman.sock");
  const uid = uidOf((await machine.read("/etc/passwd")) ?? "", AGENT_USER);
  for (const path of [ofGroup, `/run/user/${uid ?? process.getuid?.() ?? 0}/podman/podman.sock`]) if (await mayWrite(path)) return path;
  if (await isClosed(runDir)) throw new UserError(await whyNotPermitted({ env }), EXIT.notPermitted);
  return ofGroup;
}

async function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function isClosed(folder: string): Promise<boolean> {
  return access(folder, constants.X_OK).then(
    () => false,
    (error: unknown) => error instanceof Error && "code" in error && error.code === "EACCES",
  );
}
