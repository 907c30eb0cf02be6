// The failure demo's entry: runs the four failures, prints PASS or FAIL for each, and leaves
// nothing behind, however it ends. iot/scripts/failure-demo.sh answers `--help`.

import { FaultWorld } from "../world/fault-world.ts";
import { FAILURES, recover, type Scene, startScene } from "./failures.ts";
import { Story } from "./story.ts";

async function runFailures(): Promise<number> {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(name, () => interrupted.abort(new Error(`interrupted (${name})`)));
  // Some terminals pass on the variable of their own unit. Our parts would then take their output
  // for a journal.
  delete process.env["JOURNAL_STREAM"];

  const story = new Story();
  let passed = 0;
  const world = await begin(story, interrupted.signal);
  if (world !== null) {
    story.witness("iot-agent", async () => (await world.device.agentEvents()).map(({ message }) => message).join("\n"));
    const scene: Scene = { world, version: 1, signal: interrupted.signal };
    try {
      await story.phase("a workload runs", () => startScene(scene));
      for (const failure of FAILURES) {
        try {
          await story.phase(failure.title, () => failure.act(scene), String, "PASS");
          passed += 1;
        } catch (error) {
          story.fail(interrupted.signal.aborted ? interrupted.signal.reason : error);
          interrupted.signal.throwIfAborted();
          await story.testify();
          await story.phase("repaired", () => recover(scene, failure));
        }
      }
    } catch (error) {
      if (!interrupted.signal.aborted) story.fail(error);
    }
    await world.stop();
  }
  story.say(`\n  ${passed} of ${FAILURES.length} failures did no harm.`);
  story.end(passed === FAILURES.length ? "PASS" : "FAIL");
  return passed === FAILURES.length ? 0 : 1;
}

async function begin(story: Story, signal: AbortSignal): Promise<FaultWorld | null> {
  story.say("What happens to a device when something fails, every part real.\n");
  try {
    const world = await story.phase(
      "a running system",
      () => FaultWorld.start(),
      ({ device }) => `NATS, operator, and an agent on a device: ${device.description}`,
    );
    if (!signal.aborted) return world;
    await world.stop();
    return null;
  } catch (error) {
    story.fail(error);
    return null;
  }
}

process.exit(await runFailures());
