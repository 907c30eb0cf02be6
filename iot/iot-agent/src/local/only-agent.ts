// Makes sure that this process is the only agent of the device, before it touches anything. A
// second one would take the socket and the name in NATS from the first, and one that root has
// started would leave files in the state folder that the agent's own user cannot read.

import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { UserError } from "@harmony/runtime";
import { LOCAL_SOCKET_NAME } from "@iot/contracts";
import type { AgentConfig } from "../config/config.ts";

/** @throws UserError with what to do instead. */
export async function assertOnlyAgent({ stateDir, runDir }: Pick<AgentConfig, "stateDir" | "runDir">): Promise<void> {
  const socket = join(runDir, LOCAL_SOCKET_NAME);
  if (await isAnswered(socket))
    throw new UserError(`another agent runs on this device and answers at ${socket}: \`iot-agent status\` asks it; this one ends`);
  const owner = await stat(stateDir).then(
    ({ uid }) => uid,
    () => null,
  );
  if (process.getuid?.() === 0 && owner !== null && owner !== 0)
    throw new UserError(
      `${stateDir} belongs to the user with the id ${owner}, and root would leave files in it which that user cannot read: \`systemctl start iot-agent\` starts the agent as its own user`,
    );
}

function isAnswered(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
