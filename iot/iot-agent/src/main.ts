#!/usr/bin/env node
// The one program. Without a command it is the agent, with one it does what a person at the device
// asks for. Each loads only its own part: the code of the commands would be dead weight in a
// process that runs for years.

import { isatty } from "node:tty";
import { readArguments } from "./arguments.ts";

const { command, config } = readArguments(process.argv.slice(2), { isTerminal: isatty(0) });

// The executable's bundle is CommonJS, which has no top-level await. Both end the process
// themselves.
if (command === null) void import("./daemon.ts").then(({ runDaemon }) => runDaemon(config));
else void import("./commands/main.ts").then(({ runCommand }) => runCommand({ argv: command, config }));
