// A git repository as the source of Deployments: the newest commit of one branch, read whole. A commit that does not parse is said
// once, with file and line, and the last good one stays in force; a branch, folder or remote that is gone is unreadable, never
// an empty fleet. A branch that was forced is followed, and said. The repository tells no age, so of two Deployments that claim one name
// on one device the one that has it keeps it, else the first by namespace. What git itself does is repository.ts's.

import { asDeploymentName, asDeviceId } from "@iot/contracts";
import { FILE_LIMIT_BYTES } from "@iot/workload-files";
import { type Clock, type Log, systemClock } from "@harmony/runtime";
import type { GitConfig } from "../../config/config.ts";
import type { CompleteSnapshot, DeploymentResult, Source, SourceDeployment, SourceSnapshot } from "../source.ts";
import { GitError } from "./git-program.ts";
import { ParsedFiles } from "./parsed-files.ts";
import { openGitRepository, type TreeFile } from "./repository.ts";

export interface GitSource extends Source {
  /** The repository may have changed: a webhook, a post-receive hook. */
  poke(): void;
  /** Removes the copy. */
  close(): Promise<void>;
}

export interface GitSourceOptions {
  readonly config: GitConfig;
  readonly id?: string | undefined;
  /** For the copy; this process's own. */
  readonly folder: string;
  readonly log: Log;
  readonly clock?: Clock;
}

interface FileProblem {
  readonly file: string;
  readonly line?: number;
  readonly message: string;
}

const FILES_LIMIT = 10_000;
const TOTAL_LIMIT_BYTES = 64 * 1024 * 1024;
const RENEW_AFTER_COMMITS = 1_000;
const NO_AGE = "1970-01-01T00:00:00Z";

export async function createGitSource(options: GitSourceOptions): Promise<GitSource> {
  const { config, folder, log, clock = systemClock } = options;
  const id = options.id ?? defaultGitSourceId(config);
  const repository = await openGitRepository(folder, config);
  const blobs = new Map<string, Buffer>();
  const parsed = new ParsedFiles();
  const told = new Map<string, string>();
  let last: { commit: string; snapshot: SourceSnapshot } | null = null;
  let lastGood: CompleteSnapshot | null = null;
  let poked: (() => void) | null = null;
  let commits = 0;

  async function read(signal: AbortSignal): Promise<SourceSnapshot> {
    try {
      const commit = await repository.fetch(signal);
      if (last?.commit !== commit) last = { commit, snapshot: await readNew(commit, signal) };
      return last.snapshot;
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      const message = `failed to read branch ${config.branch} of ${config.url}: ${error.message}${cure(error)}`;
      return { kind: "unreadable", reason: error.code, message };
    }
  }

  async function readNew(commit: string, signal: AbortSignal): Promise<SourceSnapshot> {
    log.info("saw commit", { commit, branch: config.branch });
    const [files, generation] = await Promise.all([repository.list(commit, signal), repository.countCommits(commit, signal)]);
    if (last !== null && !(await repository.isAncestor({ ancestor: last.commit, commit }, signal))) {
      log.warn("the branch was forced; following it", { branch: config.branch, from: last.commit, to: commit });
    }
    commits += 1;
    if (commits % RENEW_AFTER_COMMITS === 0) repository.renew();
    return files === null ? missingFolder(commit) : readCommit({ commit, generation, files }, signal);
  }

  function missingFolder(commit: string): SourceSnapshot {
    const message = `branch ${config.branch} of ${config.url} has no folder ${config.path} at commit ${short(commit)}; put it back, with a .gitkeep in it if it should be empty`;
    return { kind: "unreadable", reason: "MissingFolder", message };
  }

  async function readCommit(at: { commit: string; generation: number; files: TreeFile[] }, signal: AbortSignal): Promise<SourceSnapshot> {
    const { commit, generation } = at;
    // Hidden folders hold other programs' files (.github, .vscode), unless the path itself leads into one.
    const visible = at.files.filter(({ path }) => !`/${path.slice(config.path.length)}`.includes("/."));
    const chosen = visible.filter(({ path }) => /\.ya?ml$/.test(path));
    const problems = chosen.flatMap(unfit);
    if (chosen.length > FILES_LIMIT)
      problems.push({
        file: config.path,
        message: `has ${chosen.length} YAML files, more than ${FILES_LIMIT}: set IOT_GIT_PATH to a folder of its own`,
      });
    const bytes = chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (bytes > TOTAL_LIMIT_BYTES)
      problems.push({ file: config.path, message: `has ${bytes} bytes of YAML, more than ${TOTAL_LIMIT_BYTES}` });
    if (problems.length > 0) return refused(commit, problems);
    const unread = visible.filter(({ kind }) => kind !== "file").map(({ path }) => path);
    if (unread.length > 0) log.warn("links and submodules are not followed", { commit, paths: unread.slice(0, 10) });
    await loadBlobs(chosen, signal);
    const contents = chosen.map(({ path, oid }) => ({ path, oid, content: blobs.get(oid) ?? Buffer.alloc(0) }));
    const { deployments, issues } = parsed.read(contents);
    const served = deployments.map(({ document, scoreString }): SourceDeployment => {
      const { name, namespace = config.namespace } = document.metadata;
      const targetDevices = document.spec.targetDevices.map(asDeviceId);
      return {
        uid: `${id}/${namespace}/${name}`,
        namespace,
        name: asDeploymentName(name),
        generation,
        createdAt: NO_AGE,
        commit,
        targetDevices,
        scoreString,
      };
    });
    problems.push(
      ...issues.map(({ file, line, path, message }) => ({ file, line, message: path === "" ? message : `${path}: ${message}` })),
    );
    if (problems.length > 0) return refused(commit, problems);
    lastGood = { kind: "complete", deployments: served, refused: [], deleting: [], version: commit, authoritative: true, evidence: null };
    return lastGood;
  }

  /** Blobs are known by their content: a push that touches one file reads one. */
  async function loadBlobs(files: readonly TreeFile[], signal: AbortSignal): Promise<void> {
    const wanted = new Set(files.map(({ oid }) => oid));
    for (const oid of blobs.keys()) if (!wanted.has(oid)) blobs.delete(oid);
    const fresh = await repository.readBlobs(
      [...wanted].filter((oid) => !blobs.has(oid)),
      signal,
    );
    for (const [oid, content] of fresh) blobs.set(oid, content);
  }

  function refused(commit: string, problems: readonly FileProblem[]): SourceSnapshot {
    const lines = problems.map(({ file, line, message }) => `${file}${line === undefined ? "" : `:${line}`}: ${message}`);
    for (const problem of lines.slice(0, 20)) log.error("commit is not followed", { commit, problem });
    const more = lines.length > 1 ? ` (and ${lines.length - 1} more)` : "";
    const inForce = lastGood === null ? "what runs stays as it is" : `${short(lastGood.version)} stays in force`;
    const message = `commit ${short(commit)} is not followed, ${inForce}: ${lines[0]}${more}`;
    if (lastGood === null) return { kind: "unreadable", reason: "InvalidCommit", message };
    return { ...lastGood, problem: message, authoritative: false };
  }

  return {
    id,
    read,
    async watch(onChange, signal) {
      poked = onChange;
      while (!signal.aborted) {
        await clock.sleep(config.pollMs, signal);
        onChange();
      }
    },
    clusterUid: null,
    carryOut: async () => new Map(),
    async report(results) {
      for (const result of results) tell(result, told, log);
      const known = new Set(results.map(({ uid }) => uid));
      for (const uid of told.keys()) if (!known.has(uid)) told.delete(uid);
    },
    poke: () => poked?.(),
    close: () => repository.remove(),
  };
}

/** `git:github.com/acme/workloads#main:site-a`: readable, and different for each branch and folder. */
export function defaultGitSourceId({ url, branch, path }: GitConfig): string {
  const place = url
    .replace(/^[a-z]+:\/\//, "")
    .replace(/^[^/@]*@/, "")
    .replace(/\.git$/, "");
  return `git:${place}#${branch}${path === "" ? "" : `:${path}`}`;
}

function unfit({ path, kind, sizeBytes }: TreeFile): FileProblem[] {
  if (kind === "link") return [{ file: path, message: "is a symbolic link, which is not followed: put the file itself here" }];
  if (kind === "submodule") return [{ file: path, message: "is a submodule, which is not read" }];
  if (sizeBytes > FILE_LIMIT_BYTES) return [{ file: path, message: `has ${sizeBytes} bytes, more than ${FILE_LIMIT_BYTES}` }];
  return [];
}

function cure({ code }: GitError): string {
  if (code === "WrongCredentials") return "; set IOT_GIT_USERNAME and IOT_GIT_PASSWORD_FILE, or IOT_GIT_SSH_KEY_FILE";
  if (code === "UnknownHostKey") return "; set IOT_GIT_SSH_KNOWN_HOSTS_FILE to a file with the host's key";
  if (code === "MissingBranch") return "; push it, or set IOT_GIT_BRANCH";
  return "";
}

/** There is nobody to write a status to but the log: a line when a Deployment's state changes, not with each counter. */
function tell({ uid, namespace, name, conditions, aggregate }: DeploymentResult, told: Map<string, string>, log: Log): void {
  const { Ready, Stalled } = conditions;
  const state = Stalled.status === "True" ? "stalled" : Ready.status === "True" ? "ready" : "in progress";
  const key = `${state} ${Ready.reason}`;
  if (told.get(uid) === key) return;
  told.set(uid, key);
  const { devices, running } = aggregate;
  const fields = { deployment: `${namespace}/${name}`, state, reason: Ready.reason, why: Ready.message, devices, running };
  if (state === "stalled") log.warn("deployment", fields);
  else log.info("deployment", fields);
}

function short(commit: string): string {
  return commit.slice(0, 10);
}
