// `iot-agent refresh`: what the device gets from afar is asked for again now, and not at its time.

import { LocalRefreshed } from "@iot/contracts";
import { EXIT } from "./agent/exit-codes.ts";
import { type Command, parseCommandLine } from "./command.ts";

export const refresh: Command = {
  usage: "refresh",
  summary: "ask again for the manifest, the way to NATS and secrets",
  details: `
A device looks for each secret of OpenBao once a day. A service whose secret is another is made anew. What is not answered stays as it is.
`,
  async run(args, at) {
    parseCommandLine(args, { usage: this.usage, options: {}, positionals: [0, 0] });
    const { secrets, problems } = await at.agent.ask(LocalRefreshed, { method: "POST", path: "/refresh" });
    at.write(secrets.length === 0 ? "no secret is another than before\n" : `other secrets than before: ${secrets.join(", ")}\n`);
    for (const problem of problems) at.warn(`not answered, and as it was: ${problem}\n`);
    return problems.length === 0 ? 0 : EXIT.failed;
  },
};
