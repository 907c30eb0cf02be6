#!/usr/bin/env node
// `iot`: ends with 0, with 1 and one line for what a person can fix, or with commander's code for
// wrong use.

import { visibleText } from "@harmony/core";
import { errorText, UserError } from "@harmony/runtime";
import { MessagingError } from "@iot/messaging";
import { CommanderError } from "commander";
import { runIot } from "./program.ts";

const controller = new AbortController();
process.once("SIGINT", () => process.exit(130));

try {
  process.exitCode = await runIot(process.argv.slice(2), {
    env: process.env,
    write: (text) => void process.stdout.write(text),
    warn: (text) => void process.stderr.write(text),
    width: Math.max(80, process.stdout.columns ?? 120),
    signal: controller.signal,
  });
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    const isExpected = error instanceof UserError || error instanceof MessagingError;
    const lines = (isExpected ? error.message : errorText(error)).split("\n");
    process.stderr.write(`iot: ${lines.map(visibleText).join("\n")}\n`);
    process.exitCode = 1;
  }
}
