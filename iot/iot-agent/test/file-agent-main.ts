// The agent on a folder as a process of its own, for tests that kill it. Arguments: folder, state
// folder, address of NATS.

import { createLog, runUntilSignalled } from "@harmony/runtime";
import { runFileAgent } from "./file-agent.ts";

const [folder = "", stateDir = "", natsUrl = ""] = process.argv.slice(2);
const log = createLog({ name: "agent", format: "json" });
await runUntilSignalled((signal) => runFileAgent({ folder, stateDir, natsUrl, log, signal }), { log });
