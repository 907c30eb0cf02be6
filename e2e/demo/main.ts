// The demo's entry: reads the arguments, runs one form of it, and leaves nothing behind, however it ends.

import { parseArgs } from "node:util";
import { runGitDemo } from "./git-form.ts";
import { runKubernetesDemo } from "./kubernetes-form.ts";
import { Story } from "./story.ts";

const HELP = `Usage: demo.sh [--keep] [--device own|simulated]
       demo.sh --kubernetes --host <device>

The first form needs nothing but this machine: it starts NATS, an operator that reads a git repository, and an agent on one device;
pushes a workload, changes it, breaks it, puts it right and takes it away.
  --keep            leave all of it running at the end, for you to push to
  --device          your own rootless Podman, or a simulated device (needs root); chosen by what works unless told

The second form uses the current kubeconfig and NATS_URL, where operator and agent already run, and the device at <device>. It reaches
the device by ssh as "iot-agent" (DEMO_SSH to change the command, e.g. DEMO_SSH="ssh -i key iot-agent@10.0.0.7").
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", short: "h", default: false },
      keep: { type: "boolean", default: false },
      device: { type: "string" },
      kubernetes: { type: "boolean", default: false },
      host: { type: "string" },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.kubernetes && values.host === undefined)
    throw new TypeError("--kubernetes needs --host <device>: the address at which the device answers");
  if (values.device !== undefined && values.device !== "own" && values.device !== "simulated")
    throw new TypeError(`--device is "own" or "simulated", not "${values.device}"`);

  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(name, () => interrupted.abort(new Error(`interrupted (${name})`)));

  const story = new Story();
  await using parts = new AsyncDisposableStack();
  try {
    if (values.kubernetes) await runKubernetesDemo({ story, parts, host: values.host ?? "", signal: interrupted.signal });
    else await runGitDemo({ story, parts, keep: values.keep, device: values.device, signal: interrupted.signal });
    story.end("PASS");
    return 0;
  } catch (error) {
    story.fail(interrupted.signal.aborted ? interrupted.signal.reason : error);
    story.end("FAIL");
    return 1;
  }
}

// An interrupted phase may still be waiting for something: the process does not wait with it.
process.exit(
  await main().catch((error: unknown) => {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }),
);
