// `iot-agent clean`: a person removes from this device what no manifest names any more. The agent
// refuses to remove what a manifest names, since it would bring it back.

import { UserError } from "@harmony/runtime";
import { Done, LocalExplanation } from "@iot/contracts";
import { EXIT } from "./agent/exit-codes.ts";
import { type Command, parseCommandLine, type Surroundings } from "./command.ts";

export const clean: Command = {
  usage: "clean <deployment> [--yes]",
  summary: "remove a deployment that no manifest names any more",
  details: `
iot-agent status says of which that is so. Its containers are stopped and removed; its volumes stay. It asks before; --yes does not.
What a manifest names is taken away in the repository, not here.
`,
  async run(args, at) {
    const options = { yes: { type: "boolean" } } as const;
    const { values, positionals } = parseCommandLine(args, { usage: this.usage, options, positionals: [1, 1] });
    const [name = ""] = positionals;
    const path = `/deployments/${encodeURIComponent(name)}`;
    const { report } = await at.agent.ask(LocalExplanation, { method: "GET", path: `${path}/explanation` });
    // The agent refuses one that a manifest names, and says what to do instead.
    const isToAsk = report.desiredRevision === null && values.yes !== true;
    if (isToAsk && !(await isMeant(`${name}: ${report.message}\nRemove ${name} from this device? [y/N] `, at))) {
      at.write("nothing is removed\n");
      return EXIT.failed;
    }
    await at.agent.ask(Done, { method: "POST", path: `${path}/clean` });
    at.write(`${name} is being removed, and its volumes stay: iot-agent history ${name} says when it is gone\n`);
    return 0;
  },
};

async function isMeant(question: string, { ask }: Surroundings): Promise<boolean> {
  if (ask === null) throw new UserError("there is no terminal to ask on whether that is meant: say --yes", EXIT.usage);
  return /^y(es)?$/i.test((await ask(question)).trim());
}
