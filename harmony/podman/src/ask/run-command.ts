// A command in a container of a deployment, by libpod's exec. With a terminal its output is one
// stream; without one Podman sends frames that say which of two it is.

import { once } from "node:events";
import type { Duplex } from "node:stream";
import { type Commands, type CommandToRun, type RunningCommand, Unable } from "@harmony/core";
import { type Application, labelsOf } from "../model/application.ts";
import { containerName } from "../model/names.ts";
import { frames } from "../libpod/container-sessions.ts";
import { hangUp } from "./hang-up.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import type { Podman } from "../libpod/podman.ts";

interface RunCommandOptions {
  readonly application: Application;
  readonly podman: Podman;
}

export function commandRunner(options: RunCommandOptions): Commands["run"] {
  return async (command, signal) => {
    const { podman } = options;
    const container = await containerOf(options, command, signal);
    const { terminal, hasInput } = command;
    try {
      const id = await podman.createExec(container, { command: command.command, terminal: terminal?.type ?? null, hasInput }, signal);
      const socket = await podman.startExec(id, terminal?.size ?? null, signal);
      return running(podman, { id, socket, hasTerminal: terminal !== null, hasInput });
    } catch (error) {
      throw notRun(error, command);
    }
  };
}

async function containerOf(
  { application, podman }: RunCommandOptions,
  { name, service }: CommandToRun,
  signal: AbortSignal,
): Promise<string> {
  const labels = labelsOf(application);
  const listed = await podman.listContainers(`${labels.deployment}=${name}`, signal);
  const known = [...new Set(listed.flatMap(({ Labels }) => Labels[labels.service] ?? []))].toSorted();
  const [only] = known;
  if (only === undefined)
    throw new Unable("NoContainer", `"${name}" has no container on this device yet: ${application.program} explain ${name} says why`);
  if (service === null && known.length > 1)
    throw new Unable("ChooseService", `"${name}" has several services, name one: ${known.map((each) => `${name}/${each}`).join(", ")}`);
  const chosen = service ?? only;
  if (!known.includes(chosen)) throw new Unable("NoSuchService", `"${name}" has no service "${chosen}": it has ${known.join(", ")}`);
  return containerName(name, chosen);
}

const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

/** Podman's own exit codes: 126 for what cannot be run, 127 for what is not there. */
function notRun(error: unknown, { command }: CommandToRun): unknown {
  if (!(error instanceof PodmanError)) return error;
  const said = error.detail === "" ? error.message : error.detail;
  const [program = ""] = command;
  if (/no such file or directory|executable file .*not found/i.test(said))
    return new Unable("NoSuchProgram", `there is no ${program} in the image`, { exitCode: NOT_FOUND, cause: error });
  if (/permission denied|exec format error|is a directory/i.test(said))
    return new Unable("NotExecutable", `${program} cannot be run: ${said}`, { exitCode: NOT_EXECUTABLE, cause: error });
  return new Unable("CannotRun", `${error.message}: ${said}`, { cause: error });
}

function running(
  podman: Podman,
  {
    id,
    socket,
    hasTerminal,
    hasInput,
  }: { readonly id: string; readonly socket: Duplex; readonly hasTerminal: boolean; readonly hasInput: boolean },
): RunningCommand {
  let isOver = false;
  // Whoever reads or writes learns it by that.
  socket.on("error", () => undefined);
  if (!hasInput && !hasTerminal) socket.end();
  return {
    output: hasTerminal ? raw(socket) : framed(socket),
    write: async (data) => {
      if (!socket.writable || socket.write(data)) return;
      await Promise.race([once(socket, "drain"), once(socket, "close")]);
    },
    endOfInput: () => void socket.end(),
    resize: (size) => podman.resizeExec(id, size, AbortSignal.timeout(10_000)),
    exitCode: async () => {
      isOver = true;
      return (await podman.execState(id, AbortSignal.timeout(10_000))).exitCode;
    },
    leave: () => {
      socket.destroy();
      if (!isOver) void hangUp(podman, id);
      isOver = true;
    },
  };
}

type Output = AsyncGenerator<{ readonly stream: "out" | "err"; readonly data: Uint8Array }>;

async function* raw(socket: Duplex): Output {
  for await (const data of socket) if (data instanceof Uint8Array) yield { stream: "out", data };
}

async function* framed(socket: Duplex): Output {
  for await (const some of frames(socket)) yield* some;
}
