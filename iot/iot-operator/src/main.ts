// Starts the operator: reads the environment, connects, chooses the source, and ends cleanly.
// Everything that decides is elsewhere.

import { createLog, runUntilSignalled } from "@harmony/runtime";
import { run } from "./run.ts";

const log = createLog({ name: "iot-operator", level: process.env["LOG_LEVEL"] === "debug" ? "debug" : "info" });
await runUntilSignalled((signal) => run({ env: process.env, log, signal }), { log });
