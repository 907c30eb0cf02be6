// The terminal, or the pipes, of the person who typed the command: bytes both ways, raw while a
// command of a device has it, and as it was afterwards whatever happens.

import type { TerminalSize } from "@iot/contracts";

export interface OwnTerminal {
  /** Both ways: what the person types goes through as it is, and so does what comes back. */
  readonly isTerminal: boolean;
  readonly isOutputTerminal: boolean;
  readonly type: string;
  size(): TerminalSize;
  onResize(callback: () => void): void;
  /** What is typed, until the end of input. */
  input(): AsyncIterable<Uint8Array>;
  write(stream: "out" | "err", data: Uint8Array): void;
  raw(): void;
  restore(): void;
}

export function ownTerminal(): OwnTerminal {
  const { stdin, stdout, stderr } = process;
  const restore = (): void => {
    if (stdin.isTTY) stdin.setRawMode(false);
    // Without this the process waits for one more key.
    stdin.destroy();
  };
  return {
    isTerminal: stdin.isTTY && stdout.isTTY,
    isOutputTerminal: stdout.isTTY,
    type: process.env["TERM"] ?? "xterm",
    size: () => ({ width: Math.max(1, stdout.columns), height: Math.max(1, stdout.rows) }),
    onResize: (callback) => void stdout.on("resize", callback),
    input: async function* () {
      for await (const typed of stdin) if (typed instanceof Uint8Array) yield typed;
    },
    write: (stream, data) => void (stream === "out" ? stdout : stderr).write(data),
    raw: () => {
      if (stdin.isTTY) stdin.setRawMode(true);
      process.once("exit", restore);
    },
    restore,
  };
}
