// `npm run field -- --device ssh://user@host --power-off CMD --power-on CMD --cuts N` makes the
// same cuts of a device that a person owns, and judges it in the same way. NATS, a registry, a git
// repository and an operator run on this machine for it. The report is put into the run's folder,
// not in docs/field/, which has what this repository itself has run.

import { mkdir, writeFile } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { startCentral } from "./central.ts";
import { DeviceLane } from "./device-lane.ts";
import { idOfRun, isOfThisMachine, OwnDevice, type OwnDeviceOptions } from "./own-device.ts";
import { planCuts } from "./plan.ts";
import { openRunFolder, type RunFolder } from "./record.ts";
import { reportOwn, sentence } from "./report.ts";

export interface FieldOwnOptions extends OwnDeviceOptions {
  readonly seed: number;
  readonly cuts: number;
  /** The folder of all runs. */
  readonly place: string;
  /** Where the device reaches this machine; null: where it sees ssh come from. */
  readonly central: string | null;
  say(text: string): void;
}

/** Whether all cuts passed. */
export async function fieldOwn({ seed, cuts, place: runs, central: seen, say, ...options }: FieldOwnOptions): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  const power = new OwnDevice(options);
  const facts = await power.facts();
  const place = join(runs, `own-${options.address.hostname}-seed-${seed}`);
  await mkdir(place, { recursive: true });
  const busybox = await power.copyBusybox(join(place, "busybox"));
  if (busybox === null)
    throw new Error("there is no static busybox on the device, which the images of the run are made of: apt-get install busybox-static");
  const seenAt = seen ?? facts.thisMachine;
  const host = isOfThisMachine(seenAt) ? seenAt : "127.0.0.1";
  say(`${facts.system.replaceAll("\n", ", ")}; ${facts.agent}; it reaches this machine at ${seenAt}`);
  const central = stack.use(await startCentral({ busybox: { path: busybox, architecture: facts.architecture }, host, seenAt }));
  const run = {
    seed,
    architecture: facts.architecture,
    versions: { device: facts.system.replaceAll("\n", ", "), node: process.version, kernel: release() },
    machine: `${cpus().length} cores (${cpus()[0]?.model.trim() ?? ""}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    startedAt: new Date().toISOString(),
  };
  const folder = await openRunFolder(place, run, false);
  const device = idOfRun();
  const lane = new DeviceLane({ power, central, device, agent: facts.agent, say, evidence: join(place, "evidence") });
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    for (const cut of planCuts({ seed, cuts })) {
      if (ended.signal.aborted) break;
      const record = await lane.cut(cut);
      await folder.add(record);
      say(sentence(record));
      await writeOwnReport(folder);
    }
  } finally {
    say("the device is given back as it was");
    await lane.stop();
    process.off("SIGINT", end).off("SIGTERM", end);
  }
  const failed = folder.records.filter(({ failures }) => failures.length > 0).length;
  say(`${folder.records.length} cuts, ${failed} failed: ${join(place, "report.md")}`);
  return failed === 0 && folder.records.length === cuts;
}

async function writeOwnReport({ path, run, records }: RunFolder): Promise<void> {
  await writeFile(join(path, "report.md"), reportOwn({ run, records }));
}
