#!/usr/bin/env node
// `iot-enrolment --standalone` runs the service, configured by its environment. Its other commands
// are in commands.ts.

import { createLog, runUntilSignalled } from "@harmony/runtime";
import { runCommand } from "./commands.ts";
import { readConfig } from "./config.ts";
import { startEnrolment } from "./run.ts";

const argv = process.argv.slice(2);
const isService = argv.length === 1 && argv[0] === "--standalone";
const write = isService ? undefined : (line: string): void => void process.stderr.write(line);
const log = createLog({
  name: "iot-enrolment",
  level: process.env["LOG_LEVEL"] === "debug" ? "debug" : isService ? "info" : "warn",
  ...(write === undefined ? {} : { write, format: "text" }),
});

await runUntilSignalled((signal) => (isService ? serve(signal) : command(signal)), { log });

async function command(signal: AbortSignal): Promise<void> {
  const exitCode = await runCommand(argv, { env: process.env, write: (text) => void process.stdout.write(text), log, signal });
  if (exitCode !== 0) process.exit(exitCode);
}

async function serve(signal: AbortSignal): Promise<void> {
  const service = await startEnrolment(readConfig(process.env), { log, signal });
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  await service.close();
}
