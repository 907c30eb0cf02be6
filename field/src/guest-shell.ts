// A shell in the device at the other end of a stream, which is a socket of qemu's or ssh: one
// command at a time, its output and exit code. Output between commands (of a watch that was started
// there) goes line by line to the listener.

import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

export interface ShellResult {
  readonly exitCode: number;
  /** Standard output and error, as they came. */
  readonly output: string;
}

export interface GuestShell {
  run(script: string, options?: { readonly timeoutMs?: number }): Promise<ShellResult>;
  /**
   * Starts a script that does not end, and passes on each line that it prints. The shell takes no
   * other command after this.
   */
  follow(script: string, onLine: (line: string) => void): Promise<void>;
  close(): void;
}

/** The device says it when the shell takes commands. */
export const READY = "field shell ready";

export async function connectShell(path: string): Promise<GuestShell> {
  return shellOver(await connected(path));
}

export function shellOver(socket: Duplex): GuestShell {
  let received = "";
  let onData: () => void = () => undefined;
  let ended: Error | undefined;
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text.replaceAll("\r", "");
    onData();
  });
  const end = (error: Error): void => {
    ended ??= error;
    onData();
  };
  socket.on("error", end).on("close", () => end(new Error("the device was switched off")));

  // Input sent before the shell is ready would be echoed, and lost.
  let last: Promise<unknown> = new Promise<void>((resolve) => {
    onData = () => {
      if (!received.includes(READY) && ended === undefined) return;
      received = "";
      resolve();
    };
  });
  const runNow = (script: string, timeoutMs: number): Promise<ShellResult> => {
    const { promise, resolve, reject } = Promise.withResolvers<ShellResult>();
    const mark = randomUUID();
    const timer = setTimeout(() => {
      onData = () => undefined;
      reject(new Error(`the device did not end within ${timeoutMs} ms: ${script.slice(0, 200)}\n${received.slice(-500)}`));
    }, timeoutMs);
    onData = () => {
      const match = new RegExp(`${mark} (\\d+)\\n`).exec(received);
      if (match === null && ended === undefined) return;
      clearTimeout(timer);
      onData = () => undefined;
      if (match === null) return reject(ended);
      const output = received.slice(0, match.index);
      received = received.slice(match.index + match[0].length);
      resolve({ exitCode: Number(match[1]), output });
    };
    // The device joins the mark from two parts: an echo of the command must not be taken for its
    // end.
    socket.write(`{ ${script}\n} </dev/null 2>&1; printf '%s%s %d\\n' '${mark.slice(0, 8)}' '${mark.slice(8)}' $?\n`);
    onData();
    return promise;
  };
  return {
    run: (script, { timeoutMs = 120_000 } = {}) => {
      const result = last.then(() => runNow(script, timeoutMs));
      last = result.catch(() => undefined);
      return result;
    },
    follow: async (script, onLine) => {
      await last;
      onData = () => {
        const lines = received.split("\n");
        received = lines.pop() ?? "";
        for (const line of lines) onLine(line);
      };
      socket.write(`exec ${script} </dev/null 2>&1\n`);
    },
    close: () => void socket.destroy(),
  };
}

function connected(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(path);
  socket.once("connect", () => {
    socket.off("error", reject);
    resolve(socket);
  });
  socket.once("error", reject);
  return promise;
}
