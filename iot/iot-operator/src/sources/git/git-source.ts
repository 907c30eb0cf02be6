// A git repository as the source of Deployments: the newest commit of one branch, read whole. A
// commit in which a file that gave a Deployment is still there and gives none, or two files have
// one name, is said once, with file and line, and the last one that was followed stays in force; a
// branch, folder or remote that is gone is unreadable, never an empty fleet. A branch that was
// forced is followed, and said. The repository has no age, so of two Deployments that claim one
// name on one device the one that has it keeps it, else the first by namespace. What git itself
// does is repository.ts's, what a commit holds read-commit.ts's, and what it means that something
// is missing what-went-missing.ts's.

import { plainText } from "@harmony/core";
import { type Clock, type Log, systemClock } from "@harmony/runtime";
import type { YamlReaderLimits } from "@iot/workload-files";
import type { GitConfig } from "../../config/config.ts";
import type { CompleteSnapshot, DeploymentResult, GitEvidence, Source, SourceSnapshot } from "../source.ts";
import { CONSENT_TRAILER, consentsIn } from "./consents.ts";
import { GitError } from "./git-program.ts";
import type { FileProblem } from "./file-problem.ts";
import { type CommitReading, CommitReader } from "./read-commit.ts";
import { type GitRepository, openGitRepository, type Relation } from "./repository.ts";
import { gitSourceId } from "./source-id.ts";
import { absent, type Loss, lossesOf, newlyUnread, refusals, type Surroundings } from "./what-went-missing.ts";
import { whyUnreadable } from "./why-unreadable.ts";

export interface GitSource extends Source {
  /** The repository may have changed: a webhook, a post-receive hook. */
  poke(): void;
  /** Removes the copy. */
  close(): Promise<void>;
}

export interface GitSourceOptions {
  readonly config: GitConfig;
  readonly id?: string | undefined;
  /** The folder of the copy; this process's own. */
  readonly folder: string;
  readonly log: Log;
  readonly clock?: Clock;
  /** For reading YAML. */
  readonly limits?: YamlReaderLimits;
  /** Unless given, a copy in `folder`. */
  readonly repository?: GitRepository;
}

/**
 * The limit of new files that are looked at though not named as workload files, when one of those
 * is gone.
 */
const LOOKED_AT_FILES = 500;
const LOOKED_AT_BYTES = 256 * 1024;
const RENEW_AFTER_COMMITS = 1_000;
const NAME_CHARACTERS = 200;
const MESSAGE_CHARACTERS = 600;
/** A file may have been too slow because the machine was: it is looked at again after this time. */
const UNFINISHED_AGAIN_MS = 600_000;

/** The followed commit and the tip, and how the one came from the other. */
interface Change {
  readonly followed: string | null;
  /** null: it is not known what the followed commit gave. */
  readonly before: CommitReading | null;
  readonly after: CommitReading;
  readonly lineage: Relation["lineage"];
  readonly consents: ReadonlySet<string>;
}

type Judged = Change & { readonly before: CommitReading };

export async function createGitSource(options: GitSourceOptions): Promise<GitSource> {
  const { config, folder, log, clock = systemClock } = options;
  const { id, formerIds } = options.id === undefined ? gitSourceId(config) : { id: options.id, formerIds: [] };
  const repository = options.repository ?? (await openGitRepository(folder, config));
  const reader = new CommitReader({ config, id, repository, limits: options.limits });
  const logged = new Map<string, string>();
  const saidIn = rememberingSaid();
  let last: { tip: string; followed: string | null; snapshot: SourceSnapshot; untilMs: number } | null = null;
  /** The followed commit and the tip. */
  let readings = new Map<string, CommitReading>();
  let poked: (() => void) | null = null;
  let commits = 0;

  async function read(signal: AbortSignal, given: string | null): Promise<SourceSnapshot> {
    // It comes from a record that others may write.
    const followed = given !== null && /^[0-9a-f]{40,64}$/.test(given) ? given : null;
    try {
      const tip = await repository.fetch(signal);
      if (last?.tip !== tip || last.followed !== followed || clock.monotonicMs() >= last.untilMs) {
        if (last?.tip !== tip) sawCommit(tip);
        const snapshot = await readNew({ tip, followed }, signal);
        const isUnfinished = [...readings.values()].some((reading) => reading.isUnfinished);
        if (isUnfinished) readings = new Map();
        last = { tip, followed, snapshot, untilMs: isUnfinished ? clock.monotonicMs() + UNFINISHED_AGAIN_MS : Infinity };
      }
      return last.snapshot;
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      const message = whyUnreadable(`branch ${config.branch} of ${config.url}`, error);
      return { kind: "unreadable", reason: error.code, message };
    }
  }

  function sawCommit(commit: string): void {
    log.info("saw commit", { commit, branch: config.branch });
    commits += 1;
    if (commits % RENEW_AFTER_COMMITS === 0) repository.renew();
  }

  async function readNew({ tip, followed }: { tip: string; followed: string | null }, signal: AbortSignal): Promise<SourceSnapshot> {
    const asked = relation({ tip, followed }, signal);
    // Before the tip, for what the reader remembers is of the last.
    const before = followed === null ? null : (readings.get(followed) ?? (await readFollowed(followed, await asked, signal)));
    const generation = async (): Promise<number | null> => {
      const { lineage, ahead } = await asked;
      return before !== null && lineage === "descends" ? before.generation + ahead : null;
    };
    const reading = followed === tip && before !== null ? before : (readings.get(tip) ?? reader.read(tip, signal, generation));
    const [after, { lineage, trailers }] = await Promise.all([reading, asked]);
    readings = new Map([before, after].flatMap((each) => (each === null ? [] : [[each.commit, each]])));
    if (after === null) return missingFolder(tip);
    // A commit that is remembered and not here was left behind by a branch that was forced; what is
    // not known proves nothing.
    const known = before === null ? "first" : lineage === "first" ? "rewritten" : lineage;
    if (known === "rewritten") log.warn("the branch was forced; following it", { branch: config.branch, from: followed, to: tip });
    const { names: consents, wrong } = consentsIn(trailers);
    if (wrong.length > 0)
      log.warn(`a trailer ${CONSENT_TRAILER} takes <namespace>/<name>, with commas between`, { commit: tip, found: wrong.slice(0, 10) });
    return judge({ followed, before, after, lineage: known, consents }, signal);
  }

  async function relation({ tip, followed }: { tip: string; followed: string | null }, signal: AbortSignal): Promise<Relation> {
    if (followed === tip) return { lineage: "descends", ahead: 0, trailers: [] };
    return repository.relate({ followed, tip, trailer: CONSENT_TRAILER }, signal);
  }

  async function readFollowed(commit: string, { lineage }: Relation, signal: AbortSignal): Promise<CommitReading | null> {
    const found = lineage === "first" ? null : await reader.read(commit, signal);
    return found?.problems.length === 0 ? found : null;
  }

  async function judge(change: Change, signal: AbortSignal): Promise<SourceSnapshot> {
    const { followed, before, after, lineage, consents } = change;
    const isJudged = after.problems.length === 0 && before !== null && before !== after;
    const problems = isJudged ? await missing({ ...change, before }, signal) : after.problems;
    const unreadable = unreadableIn(after);
    // With nothing known and nothing read there is nothing to follow.
    const isNothing = before === null && unreadable.length > 0 && deploymentsIn(after).length === 0;
    if (problems.length > 0 || isNothing) return refused(change, problems.length > 0 ? problems : problemsIn(after));
    const evidence: GitEvidence = { kind: "git", followed, tip: after.commit, lineage, gave: gaveIn(before), unreadable, consents };
    if (followed !== after.commit)
      for (const { path, message } of unreadable.slice(0, 20))
        log.warn("a file cannot be read: the commit is followed, and removes nothing", {
          commit: after.commit,
          path: plainText(path, NAME_CHARACTERS),
          problem: message,
        });
    return { ...snapshotOf(after, evidence, saidIn(after)), authoritative: true };
  }

  /** Git is asked only when a file is gone. */
  async function missing(change: Judged, signal: AbortSignal): Promise<FileProblem[]> {
    const losses = lossesOf(change.before, change.after, change.consents);
    const gone = absent(losses, change.after);
    const around: Surroundings =
      gone.length === 0 ? { unread: [], contents: new Map(), ignored: new Set() } : await surroundings(change, gone, signal);
    return refusals({ ...change, losses, around });
  }

  async function surroundings({ before, after, lineage }: Judged, gone: readonly Loss[], signal: AbortSignal): Promise<Surroundings> {
    const unread = newlyUnread(before, after);
    const small = unread.filter(({ kind, sizeBytes }) => kind === "file" && sizeBytes <= LOOKED_AT_BYTES).slice(0, LOOKED_AT_FILES);
    const [contents, ignored] = await Promise.all([
      repository.readBlobs([...new Set(small.map(({ oid }) => oid))], signal),
      // After a rewrite nothing is removed, and the commit before may not be here.
      lineage === "descends"
        ? repository.newlyIgnored({ paths: gone.map(({ path }) => path), commit: after.commit, than: before.commit }, signal)
        : new Set<string>(),
    ]);
    return { unread, contents, ignored };
  }

  function missingFolder(commit: string): SourceSnapshot {
    const message = `branch ${config.branch} of ${config.url} has no folder ${config.path} at commit ${short(commit)}; put it back, with a .gitkeep in it if it should be empty`;
    return { kind: "unreadable", reason: "MissingFolder", message };
  }

  function refused({ before, after, followed }: Change, problems: readonly FileProblem[]): SourceSnapshot {
    const lines = problems.map(lineOf);
    for (const problem of lines.slice(0, 20)) log.error("commit is not followed", { commit: after.commit, problem });
    const more = lines.length > 1 ? ` (and ${lines.length - 1} more)` : "";
    const stays = before !== null && before !== after && before.problems.length === 0 ? before : null;
    const inForce = stays === null ? "what runs stays as it is" : `${short(stays.commit)} stays in force`;
    const cure = `correct ${lines.length > 1 ? "them" : "it"} and push`;
    const problem = `commit ${short(after.commit)} is not followed, ${inForce}: ${lines[0]}${more}; ${cure}`;
    if (stays === null) return { kind: "unreadable", reason: "InvalidCommit", message: problem };
    const evidence: GitEvidence = {
      kind: "git",
      followed,
      tip: stays.commit,
      lineage: "descends",
      gave: gaveIn(stays),
      unreadable: unreadableIn(stays),
      consents: new Set(),
    };
    return { ...snapshotOf(stays, evidence, saidIn(stays)), problem, authoritative: false };
  }

  return {
    id,
    formerIds,
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
      for (const result of results) logResult(result, logged, log);
      const known = new Set(results.map(({ uid }) => uid));
      for (const uid of logged.keys()) if (!known.has(uid)) logged.delete(uid);
    },
    poke: () => poked?.(),
    close: async () => void (await Promise.all([reader.close(), repository.remove()])),
  };
}

function snapshotOf(reading: CommitReading, evidence: GitEvidence, said: SaidOfDevices): CompleteSnapshot {
  const deployments = deploymentsIn(reading);
  return { kind: "complete", deployments, refused: [], deleting: [], ...said, version: reading.commit, evidence };
}

type SaidOfDevices = Pick<CompleteSnapshot, "allowed" | "devices">;

/** The same objects as before, as long as the commits say the same. */
function rememberingSaid(): (reading: CommitReading) => SaidOfDevices {
  let last: { readonly text: string; readonly said: SaidOfDevices } = { text: "", said: {} };
  return ({ files }) => {
    const all = [...files.values()].flatMap(({ devices }) => [...devices]);
    const text = JSON.stringify(all);
    if (last.text === text) return last.said;
    const restricted = all.flatMap(([device, { allowedNamespaces: names }]) =>
      names === undefined ? [] : [[device, new Set(names)] as const],
    );
    last = { text, said: { devices: new Map(all), allowed: new Map(restricted) } };
    return last.said;
  };
}

function deploymentsIn({ files }: CommitReading): CompleteSnapshot["deployments"] {
  return [...files.values()].flatMap(({ deployments }) => deployments);
}

function gaveIn(reading: CommitReading | null): GitEvidence["gave"] {
  const deployments = reading === null ? [] : deploymentsIn(reading);
  return new Map(deployments.map(({ namespace, name, targetDevices }) => [`${namespace}/${name}`, new Set<string>(targetDevices)]));
}

function problemsIn({ files }: CommitReading): FileProblem[] {
  return [...files.values()].flatMap(({ problems }) => problems);
}

/** The first problem of each file. */
function unreadableIn({ files }: CommitReading): GitEvidence["unreadable"] {
  return [...files].flatMap(
    ([
      path,
      {
        problems: [first],
      },
    ]) => {
      if (first === undefined) return [];
      return [{ path, message: first.line === undefined ? first.message : `line ${first.line}: ${first.message}` }];
    },
  );
}

function lineOf({ file, line, message }: FileProblem): string {
  // A name in git may have anything in it but NUL.
  return `${plainText(file, NAME_CHARACTERS)}${line === undefined ? "" : `:${line}`}: ${plainText(message, MESSAGE_CHARACTERS)}`;
}

/**
 * There is nobody to write a status to but the log: a line when a Deployment's state changes, not
 * with each counter.
 */
function logResult({ uid, namespace, name, conditions, aggregate }: DeploymentResult, logged: Map<string, string>, log: Log): void {
  const { Ready, Stalled } = conditions;
  const state = Stalled.status === "True" ? "stalled" : Ready.status === "True" ? "ready" : "in progress";
  const key = `${state} ${Ready.reason}`;
  if (logged.get(uid) === key) return;
  logged.set(uid, key);
  const { devices, running } = aggregate;
  const fields = { deployment: `${namespace}/${name}`, state, reason: Ready.reason, why: Ready.message, devices, running };
  if (state === "stalled") log.warn("deployment", fields);
  else log.info("deployment", fields);
}

function short(commit: string): string {
  return commit.slice(0, 10);
}
