// The Deployments in a commit's files, with each file parsed once for its content: a push that
// touches one of a thousand files costs one. What a file says is @iot/workload-files's to judge,
// and so is a name that two files share: those are given to it together. A file is read whole or
// not at all: one with an issue gives nothing.

import type { Deployment } from "@iot/contracts";
import { type FileIssue, readWorkloadFiles } from "@iot/workload-files";

export interface CommittedFile {
  readonly path: string;
  /** Of its content. */
  readonly oid: string;
  readonly content: Uint8Array;
}

export interface ParsedFile {
  /**
   * Without the places of their nodes, which would keep each file's syntax tree. Empty with any
   * issue.
   */
  readonly deployments: readonly { readonly document: Deployment; readonly scoreString: string }[];
  readonly issues: readonly FileIssue[];
  /** The kinds of its documents that are not ours. */
  readonly others: readonly string[];
}

export interface ParsedCommit {
  readonly files: ReadonlyMap<string, ParsedFile>;
  /** Names that two files share, which none of them can have. */
  readonly doubled: readonly FileIssue[];
}

export class ParsedFiles {
  #known: ReadonlyMap<string, ParsedFile> = new Map();

  read(files: readonly CommittedFile[]): ParsedCommit {
    const parsed = files.map((file) => ({ file, result: this.#known.get(keyOf(file)) ?? parse(file) }));
    this.#known = new Map(parsed.map(({ file, result }) => [keyOf(file), result]));
    const byName = Map.groupBy(
      parsed.flatMap(({ file, result }) => result.deployments.map(({ document }) => ({ file, name: document.metadata.name }))),
      ({ name }) => name,
    );
    const sharing = new Set([...byName.values()].flatMap((of) => (of.length > 1 ? of.map(({ file }) => file) : [])));
    return {
      files: new Map(parsed.map(({ file, result }) => [file.path, result])),
      doubled: sharing.size === 0 ? [] : readWorkloadFiles([...sharing]).issues,
    };
  }
}

function parse(file: CommittedFile): ParsedFile {
  const { deployments, issues, ignored } = readWorkloadFiles([file]);
  const read = issues.length > 0 ? [] : deployments.map(({ document, scoreString }) => ({ document, scoreString }));
  return { deployments: read, issues, others: ignored.map(({ kind }) => kind) };
}

function keyOf({ path, oid }: CommittedFile): string {
  return `${oid} ${path}`;
}
