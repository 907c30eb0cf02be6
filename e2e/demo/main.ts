// The demo's entry: reads the arguments, runs one form of it, and leaves nothing behind, however it
// ends. iot/scripts/demo.sh answers `--help`, before anything is installed.

import { parseArgs } from "node:util";
import { runGitDemo } from "./git-form.ts";
import { runKubernetesDemo } from "./kubernetes-form.ts";
import { Story } from "./story.ts";
import { runTwoDevicesDemo } from "./two-devices-form.ts";

interface Wanted {
  readonly keep: boolean;
  readonly device: "own" | "simulated" | undefined;
  readonly isOfTwo: boolean;
  /** The device's address, in the form against a cluster. */
  readonly host: string | undefined;
}

function readArguments(): Wanted {
  const { values } = parseArgs({
    options: {
      keep: { type: "boolean", default: false },
      device: { type: "string" },
      devices: { type: "string", default: "1" },
      kubernetes: { type: "boolean", default: false },
      host: { type: "string" },
    },
  });
  const { keep, device, devices, kubernetes, host } = values;
  const isOfTwo = devices === "2";
  if (!isOfTwo && devices !== "1") throw new TypeError(`--devices is 1 or 2, not "${devices}"`);
  if (isOfTwo && (keep || kubernetes || device === "own"))
    throw new TypeError("--devices 2 is of simulated devices, and goes with none of the others");
  if (kubernetes && (host === undefined || host === ""))
    throw new TypeError("--kubernetes needs --host <device>: the address at which the device answers");
  if (!kubernetes && host !== undefined) throw new TypeError("--host goes with --kubernetes; without a cluster there is --device");
  if (kubernetes && (keep || device !== undefined)) throw new TypeError("--keep and --device are of the form without --kubernetes");
  if (device !== undefined && device !== "own" && device !== "simulated")
    throw new TypeError(`--device is "own" or "simulated", not "${device}"`);
  return { keep, device, isOfTwo, host };
}

async function runDemo({ keep, device, isOfTwo, host }: Wanted): Promise<number> {
  const interrupted = new AbortController();
  const { signal } = interrupted;
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(name, () => interrupted.abort(new Error(`interrupted (${name})`)));
  // Some terminals pass on the variable of their own unit. Our parts would then take their output
  // for a journal.
  delete process.env["JOURNAL_STREAM"];

  const story = new Story();
  const parts = new AsyncDisposableStack();
  let verdict: "PASS" | "FAIL" = "PASS";
  const failed = (error: unknown): void => {
    verdict = "FAIL";
    story.fail(error);
  };
  try {
    if (isOfTwo) await runTwoDevicesDemo({ story, parts, signal });
    else if (host === undefined) await runGitDemo({ story, parts, keep, device, signal });
    else await runKubernetesDemo({ story, parts, host, signal });
  } catch (error) {
    failed(signal.aborted ? signal.reason : error);
    if (!signal.aborted) await story.testify();
  }
  await story
    .phase("clear away", async () => {
      await parts.disposeAsync();
      return "nothing is left";
    })
    .catch(failed);
  story.end(verdict);
  return verdict === "PASS" ? 0 : 1;
}

function wanted(): Wanted | null {
  try {
    return readArguments();
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)} (demo.sh --help shows how)\n`);
    return null;
  }
}

const read = wanted();
// An interrupted phase may still be waiting; the process does not wait with it.
process.exit(read === null ? 2 : await runDemo(read));
