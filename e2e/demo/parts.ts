// The central parts of the demo: NATS, a repository that notifies the operator of each push at
// once, and the operator, as a person would start it.

import { join } from "node:path";
import { type GitRepository, makeGitRepository, run, startOperatorProcess } from "@iot/testkit";
import type { DemoDevice } from "../world/demo-device.ts";
import { type LogEvent, parseLog, readableLog } from "./log-line.ts";
import type { Story } from "./story.ts";
import { startIdentityParts } from "../world/identity-parts.ts";
import { README } from "../world/workload.ts";

const TOP = join(import.meta.dirname, "../..");

export interface Parts {
  /** What `iot` needs of the person's environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly repository: GitRepository;
  /** Gives another device an identity, and starts its agent. */
  admit(device: DemoDevice): Promise<void>;
  /** The log of operator and agent, oldest first. */
  events(): Promise<readonly LogEvent[]>;
  /** The sentence of `iot explain`, without the facts listed below it. */
  explain(deployment: string, device: string): Promise<string>;
}

export async function startParts(options: { device: DemoDevice; story: Story; stack: AsyncDisposableStack }): Promise<Parts> {
  const { device, story, stack } = options;
  const identities = await startIdentityParts(device.hostAddress, stack);
  const { nats, operatorEnv } = identities;
  story.witness("nats-server", async () => nats.log());
  story.witness("iot-enrolment", async () => readableLog(identities.enrolment.log()));
  story.witness("iot-callout", async () => readableLog(identities.callout.log()));

  const repository = stack.use(await makeGitRepository());
  await repository.commit({ "README.md": README }, "A workload repository");
  await repository.push();

  const operator = await startOperatorProcess({
    ...operatorEnv,
    IOT_GIT_URL: repository.url,
    IOT_SOURCE_ID: "git:demo",
  });
  stack.defer(() => operator.stop());
  story.witness("iot-operator", async () => readableLog(operator.log()));
  await repository.setHook(
    "post-receive",
    `#!/bin/sh\nexec curl --silent --max-time 2 --output /dev/null --request POST http://127.0.0.1:${operator.port}/hooks/git\n`,
  );

  story.witness("iot-agent", async () => (await device.agentEvents()).map(({ message }) => message).join("\n"));
  const admit = async (one: DemoDevice): Promise<void> => {
    const added = await identities.iot(["device", "add", one.id]);
    const code = /\b[0-9A-Z]{4}(-[0-9A-Z]{4}){2}\b/.exec(added.stdout)?.[0];
    if (code === undefined) throw new Error(`iot device add says: ${added.stderr}${added.stdout}`);
    await one.startEnrolled({ ...identities, code });
  };
  await admit(device);

  return {
    environment: identities.iotEnv,
    repository,
    admit,
    events: async () => {
      const agent = (await device.agentEvents()).map(({ at, message }) => ({ at, message, fields: {} }));
      return [...parseLog(operator.log()), ...agent].toSorted((a, b) => a.at - b.at);
    },
    explain: async (deployment, deviceId) => {
      const argv = [process.execPath, join(TOP, "iot/iot-cli/src/main.ts"), "explain", deployment, deviceId];
      const { stdout } = await run(argv, { env: identities.iotEnv, allowExitCodes: [0, 1] });
      const lines = stdout.split("\n");
      const end = lines.findIndex((line) => line.startsWith("  "));
      const sentence = lines.slice(0, end).join(" ").trim();
      return sentence.replaceAll(/ (Do|Meanwhile): /g, "\n$1: ");
    },
  };
}
