// `iot-agent load`: an image from a file, as from a USB stick where there is no registry. This
// process reads it, since the file may be one that the agent's user may not read; then the agent
// looks at everything, because a deployment may have waited for it.

import { type FileHandle, open } from "node:fs/promises";
import { connectPodman, flushAll } from "@harmony/podman";
import { errorText, UserError } from "@harmony/runtime";
import { Done, IOT_AGENT } from "@iot/contracts";
import { AgentNotRunning } from "./agent/agent-client.ts";
import { EXIT } from "./agent/exit-codes.ts";
import { type Command, parseCommandLine } from "./command.ts";
import { becomeAgentUser } from "./machine/become-agent-user.ts";
import { podmanSocket } from "./agent/podman-socket.ts";

export const load: Command = {
  usage: "load FILE",
  summary: "load an image from a file, as from a USB stick",
  details: "\nFILE is what `podman save` or `docker save` writes.\n",
  beginsAsRoot: true,
  async run(args, at) {
    const { positionals } = parseCommandLine(args, { usage: this.usage, options: {}, positionals: [1, 1] });
    const [file = ""] = positionals;
    const handle = await openToRead(file);
    becomeAgentUser();
    const socket = await podmanSocket(at);
    const names = await connectPodman({ socketPath: socket, user: IOT_AGENT.user }).loadImage(handle.createReadStream(), at.signal);
    // Podman does not flush: without this a power cut right after can leave parts of it.
    await flushAll(at.signal);
    at.write(`loaded ${names.length === 0 ? "an image without a name" : names.join(", ")}\n`);
    try {
      await at.agent.ask(Done, { method: "POST", path: "/look" });
    } catch (error) {
      if (!(error instanceof AgentNotRunning)) throw error;
      at.warn("iot-agent: the agent is not running; it finds the image when it starts\n");
    }
    return 0;
  },
};

async function openToRead(file: string): Promise<FileHandle> {
  try {
    return await open(file, "r");
  } catch (cause) {
    throw new UserError(`cannot read ${file}: ${errorText(cause)}`, EXIT.failed, { cause });
  }
}
