#!/usr/bin/env node
// `iot`: ends with the exit code of the command, and with one line on stderr for what is not as
// asked.

import { visibleLines } from "@harmony/core";
import { errorText, UserError } from "@harmony/runtime";
import { EXIT } from "./command-line/exit-codes.ts";
import { runIot } from "./program.ts";

// A pipe that is closed early, as by head, is no error; a disk that is full is one. That a command
// ends its own stream is neither.
process.stdout.on("error", ({ code, syscall }: NodeJS.ErrnoException) => {
  if (code === "EPIPE") process.exit(0);
  if (syscall !== undefined) process.exit(EXIT.failed);
});
// Whoever asks a device says good-bye first.
const controller = new AbortController();
process.once("SIGINT", () => {
  controller.abort(new Error("interrupted"));
  setTimeout(() => process.exit(EXIT.interrupted), GOOD_BYE_MS);
});

const GOOD_BYE_MS = 300;
const width = Math.max(80, process.stdout.columns ?? 120);
const write = (text: string): void => void process.stdout.write(text);
const warn = (text: string): void => void process.stderr.write(text);

// The executable's bundle is CommonJS, which has no top-level await.
void runIot(process.argv.slice(2), {
  env: process.env,
  write,
  warn,
  width,
  isTerminal: process.stdout.isTTY,
  signal: controller.signal,
}).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    const isExpected = error instanceof UserError;
    warn(visibleLines(`iot: ${isExpected ? error.message : errorText(error)}\n`));
    process.exitCode = isExpected ? error.exitCode : EXIT.failed;
  },
);
