// One commit as Deployments by the file that gives them, with what could not be read beside it. It
// judges nothing: what it means that something is missing is what-went-missing.ts's.

import { asDeploymentName, asDeviceId } from "@iot/contracts";
import {
  FILE_LIMIT_BYTES,
  isNearlyWorkloadFileName,
  isWorkloadFileName,
  type PlainDeployment,
  YamlReader,
  type YamlReaderLimits,
} from "@iot/workload-files";
import type { GitConfig } from "../../config/config.ts";
import type { SourceDeployment } from "../source.ts";
import type { FileProblem } from "./file-problem.ts";
import { ignoringOf } from "./ignore-files.ts";
import { ParsedFiles } from "./parsed-files.ts";
import type { GitRepository } from "./repository.ts";
import { FOLDERS_LIMIT, isLongPath, NAME_LIMIT_BYTES, PATH_LIMIT_BYTES, type TreeFile } from "./tree-file.ts";

export interface FileReading {
  /** It gives none when it has any problem. */
  readonly deployments: readonly SourceDeployment[];
  readonly problems: readonly FileProblem[];
  /** The kinds of its documents that are not ours. */
  readonly others: readonly string[];
  readonly isEmpty: boolean;
}

export interface CommitReading {
  readonly commit: string;
  /** How many commits lead to it. */
  readonly generation: number;
  /** Everything that git carries under the folder; hidden files too. */
  readonly entries: readonly TreeFile[];
  /** Those that are named as workload files, by path. */
  readonly files: ReadonlyMap<string, FileReading>;
  /** Files that it names as somebody else's, and the line that does. */
  readonly ignored?: ReadonlyMap<string, string>;
  /** Why nothing of it can be followed. */
  readonly problems: readonly FileProblem[];
  /** A file was not read to its end, for lack of time or memory; another time it might be. */
  readonly isUnfinished?: boolean;
}

const FILES_LIMIT = 10_000;
/** The costliest YAML of this size is read within its time on a machine four times as slow as ours. */
const TOTAL_LIMIT_BYTES = 32 * 1024 * 1024;
const NO_AGE = "1970-01-01T00:00:00Z";
const NOTHING: FileReading = { deployments: [], problems: [], others: [], isEmpty: false };

/** Reads commits, and remembers of the last ones what the next has too. */
export class CommitReader {
  readonly #options: { readonly config: GitConfig; readonly id: string; readonly repository: GitRepository };
  readonly #yaml: YamlReader;
  readonly #parsed: ParsedFiles;

  constructor({ limits, ...options }: { config: GitConfig; id: string; repository: GitRepository; limits?: YamlReaderLimits | undefined }) {
    this.#options = options;
    this.#yaml = new YamlReader(limits);
    this.#parsed = new ParsedFiles(this.#yaml);
  }

  /**
   * null: the commit is not here, or has no such folder. `generation`, where it is known without
   * git.
   */
  async read(commit: string, signal: AbortSignal, known: () => Promise<number | null> = async () => null): Promise<CommitReading | null> {
    const { config, repository } = this.#options;
    const count = async (): Promise<number> => (await known()) ?? (await repository.countCommits(commit, signal));
    const [entries, generation, committedAt] = await Promise.all([
      repository.list(commit, signal),
      count(),
      repository.committedAt(commit, signal),
    ]);
    if (entries === null) return null;
    // Hidden folders hold other programs' files (.github, .vscode), unless the path itself leads
    // into one.
    const plain = entries.filter(({ path }) => !`/${path.slice(config.path.length)}`.includes("/."));
    const ignoring = await ignoringOf(entries, repository, signal);
    const ignored = new Map<string, string>();
    const visible = plain.filter(({ path }) => {
      const by = ignoring.by(path);
      if (by !== null) ignored.set(path, `${by.file}:${by.line}`);
      return by === null;
    });
    const chosen = visible.filter(({ path }) => isWorkloadFileName(path));
    const tooMuch = tooMuchOf(chosen, config.path);
    if (tooMuch.length > 0) return { commit, generation, entries, files: new Map(), ignored, problems: tooMuch };
    const unfit = [...chosen, ...visible.filter(({ path }) => isNearlyWorkloadFileName(path))].flatMap(unfitness);
    const fit = chosen.filter((file) => unfitness(file).length === 0);
    const { files, doubled } = await this.#parsed.read(fit, (oids) => repository.readBlobs(oids, signal), signal);
    const readings = [...files].map(([path, { deployments, issues, others }]): [string, FileReading] => [
      path,
      {
        deployments: deployments.map((deployment) => this.#serve(deployment, { commit, generation, committedAt })),
        problems: issues.map(problemOf),
        others,
        isEmpty: deployments.length + issues.length + others.length === 0,
      },
    ]);
    const unread = [...unfit, ...ignoring.problems].map((problem): [string, FileReading] => [
      problem.file,
      { ...NOTHING, problems: [problem] },
    ]);
    const isUnfinished = [...files.values()].some((file) => file.isUnfinished === true);
    const all = new Map([...readings, ...unread]);
    return { commit, generation, entries, files: all, ignored, problems: doubled.map(problemOf), isUnfinished };
  }

  #serve(deployment: PlainDeployment, at: { commit: string; generation: number; committedAt: string }): SourceDeployment {
    const { config, id } = this.#options;
    const { name, namespace = config.namespace, targetDevices, scoreString } = deployment;
    return {
      uid: `${id}/${namespace}/${name}`,
      namespace,
      name: asDeploymentName(name),
      generation: at.generation,
      createdAt: NO_AGE,
      commit: at.commit,
      committedAt: at.committedAt,
      targetDevices: targetDevices.map(asDeviceId),
      scoreString,
    };
  }

  async close(): Promise<void> {
    await this.#yaml.close();
  }
}

function tooMuchOf(chosen: readonly TreeFile[], folder: string): FileProblem[] {
  const file = folder === "" ? "." : folder;
  if (chosen.length > FILES_LIMIT) {
    const message = `has ${chosen.length} YAML files, more than ${FILES_LIMIT}: set IOT_GIT_PATH to a folder of its own`;
    return [{ file, message }];
  }
  const bytes = chosen.reduce((sum, { sizeBytes }) => sum + Math.min(sizeBytes, FILE_LIMIT_BYTES), 0);
  if (bytes <= TOTAL_LIMIT_BYTES) return [];
  return [{ file, message: `has ${bytes} bytes of YAML, more than ${TOTAL_LIMIT_BYTES}: set IOT_GIT_PATH to a folder of its own` }];
}

function unfitness({ path: file, kind, sizeBytes }: TreeFile): FileProblem[] {
  const say = (message: string): FileProblem[] => [{ file, message, whole: true }];
  if (isLongPath(file)) {
    const limits = `${PATH_LIMIT_BYTES} bytes, a name of more than ${NAME_LIMIT_BYTES}, or more than ${FOLDERS_LIMIT} folders`;
    return say(`is not read, its path has more than ${limits}: make it shorter`);
  }
  if (kind === "link") return say("is a symbolic link, which is not followed: put the file itself here");
  if (kind === "submodule") return say("is a submodule, which is not read: put the file itself here");
  if (!isWorkloadFileName(file)) {
    return say(`is not read, its name does not end in .yaml or .yml in small letters: name it ${properName(file)}`);
  }
  if (sizeBytes > FILE_LIMIT_BYTES) return say(`has ${sizeBytes} bytes, more than ${FILE_LIMIT_BYTES}: split it`);
  return [];
}

function properName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.ya?ml$/i, (suffix) => suffix.toLowerCase());
}

function problemOf({ file, line, path, message }: { file: string; line: number; path: string; message: string }): FileProblem {
  return path === "" ? { file, line, message, whole: true } : { file, line, message: `${path}: ${message}` };
}
