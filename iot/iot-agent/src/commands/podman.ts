// `iot-agent podman`: Podman as the agent's user has it, for whoever is in its group: a plain
// `podman ps` of another user shows that user's own containers, which are none. What follows is
// Podman's, and so are the terminal and the exit code.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { UserError } from "@harmony/runtime";
import { EXIT } from "./agent/exit-codes.ts";
import type { Command } from "./command.ts";
import { podmanSocket } from "./agent/podman-socket.ts";

const SIGNALLED = 128;

export const podman: Command = {
  usage: "podman …",
  summary: "Podman as the agent's user has it: ps, logs, exec, inspect, stats, …",
  async run(args, at) {
    const socket = await podmanSocket(at);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    // Ctrl-C is for Podman, which shares the terminal.
    process.removeAllListeners("SIGINT");
    process.on("SIGINT", () => undefined);
    const child = spawn("podman", ["--remote", "--url", `unix://${socket}`, ...args], { stdio: "inherit" });
    child.once("error", (cause) => reject(new UserError(`cannot run podman: ${cause.message}`, EXIT.failed, { cause })));
    child.once("close", (code, signal) => resolve(code ?? (signal === null ? EXIT.failed : SIGNALLED + constants.signals[signal])));
    return promise;
  },
};
