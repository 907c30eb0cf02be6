// Judges a device after a power cut from what was observed. Pure. A failure is a sentence. Damage
// that the device repaired by itself is no failure, but is listed as a repair.

export interface Container {
  readonly name: string;
  readonly state: string;
  readonly image: string;
}

/** The state of a device once it had settled, or when the time for that was over. */
export interface Observation {
  /** The newest version of each deployment. */
  readonly wanted: Readonly<Record<string, string>>;
  /** The version each page showed first after the boot; null: none within the time. */
  readonly answered: Readonly<Record<string, string | null>>;
  /** What each deployment may show until it is reconciled. */
  readonly acceptable: Readonly<Record<string, readonly string[]>>;
  readonly loginMs: number | null;
  readonly reconciledMs: number | null;
  /** The last reason why it is not reconciled. */
  readonly notReconciled: string;
  readonly containers: readonly Container[];
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
  /** The agent's files below /var/lib/iot-agent by path, with their text. */
  readonly files: Readonly<Record<string, string>>;
  readonly fsck: { readonly exitCode: number; readonly output: string };
  readonly agentJournal: readonly string[];
}

export interface Judgement {
  readonly failures: readonly string[];
  /** The repairs that happened without a person's hand. */
  readonly repairs: readonly string[];
}

export const CONTAINER_SUFFIX = "_page";

export function judge(seen: Observation): Judgement {
  return { failures: [...answers(seen), ...settled(seen), ...undamaged(seen)], repairs: repairs(seen) };
}

function answers({ loginMs, answered, acceptable }: Observation): readonly string[] {
  const failures = loginMs === null ? ["it did not boot to a login prompt"] : [];
  for (const [deployment, version] of Object.entries(answered)) {
    const allowed = acceptable[deployment] ?? [];
    if (version === null) failures.push(`${deployment} did not answer`);
    else if (!allowed.includes(version)) failures.push(`${deployment} answered with version ${version}, not ${allowed.join(" or ")}`);
  }
  return failures;
}

function settled({ reconciledMs, notReconciled, wanted, containers, volumes, networks, files }: Observation): readonly string[] {
  const failures = reconciledMs === null ? [`it was not reconciled: ${notReconciled}`] : [];
  const names = Object.keys(wanted).map((deployment) => deployment + CONTAINER_SUFFIX);
  for (const { name, state } of containers) {
    if (!names.includes(name)) failures.push(`orphan: the container ${name} (${state}), which no Score names`);
    else if (state !== "running") failures.push(`the container ${name} is ${state}`);
  }
  for (const name of names) if (!containers.some((container) => container.name === name)) failures.push(`there is no container ${name}`);
  for (const volume of volumes)
    if (!Object.keys(wanted).some((name) => volume.startsWith(name))) failures.push(`orphan: the volume ${volume}`);
  for (const network of networks) if (network !== "podman") failures.push(`orphan: the network ${network}`);
  for (const name of names) {
    const folders = new Set(Object.keys(files).flatMap((path) => (path.startsWith(`mounts/${name}.`) ? [path.split("/")[1]] : [])));
    if (folders.size > 1) failures.push(`orphan: ${folders.size} folders of files of ${name}`);
  }
  return failures;
}

function undamaged({ files, fsck }: Observation): readonly string[] {
  const failures = fsck.exitCode >= 4 ? [`fsck found the file system damaged: ${fsck.output.trim().split("\n").slice(-3).join("; ")}`] : [];
  for (const [path, text] of Object.entries(files)) {
    if (path.endsWith(".json") && !parses(text)) failures.push(`${path} is damaged: ${JSON.stringify(text.slice(0, 60))}`);
    if (path.endsWith(".jsonl")) {
      const bad = text.split("\n").filter((line) => line !== "" && !parses(line));
      if (bad.length > 0) failures.push(`${path} has ${bad.length} damaged lines: ${JSON.stringify(bad[0]?.slice(0, 60))}`);
    }
    if (isKeptAside(path)) failures.push(`${path} was damaged and kept aside`);
    if (/\.(tmp|new)\b/.test(path)) failures.push(`${path} was left behind`);
  }
  return failures;
}

function isKeptAside(path: string): boolean {
  return /\.corrupt/.test(path);
}

/** The agent's journal names its repairs; these words are in its reasons. */
const REPAIR = /damage|repair|made again|kept aside|corrupt|no longer there|layer not known|removed and pulled/i;

function repairs({ agentJournal, fsck }: Observation): readonly string[] {
  const said = agentJournal.filter((line) => REPAIR.test(line));
  const repaired = fsck.output.split("\n").filter((line) => /clearing|fixed|\(.*corrected/i.test(line) && !/orphaned inode/i.test(line));
  return [...new Set([...said, ...repaired])];
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
