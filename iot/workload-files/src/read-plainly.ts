// One file as plain data, which can cross from one thread to another: what it gives, what is wrong
// with it, and where its names stand. A file is read whole or not at all: one with an issue gives
// nothing. Names that files share are found here too, for they need all files.

import { doubledNames, type FileIssue, readWorkloadFiles, type WorkloadFile } from "./read-workload-files.ts";
import { shortened } from "./shortened.ts";

/**
 * The Score is one string: as a tree of values it would hold up the thread that receives it.
 */
export interface PlainDeployment {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly targetDevices: readonly string[];
  readonly scoreString: string;
  /** Where its name stands. */
  readonly nameAt: { readonly line: number; readonly column: number };
}

export interface PlainFile {
  /** Empty with any issue. */
  readonly deployments: readonly PlainDeployment[];
  readonly issues: readonly FileIssue[];
  /** The kinds of its documents that are not ours. */
  readonly others: readonly string[];
  /** It was not read to its end, for lack of time or memory; another time it might be. */
  readonly isUnfinished?: boolean;
}

export function readPlainly(file: WorkloadFile): PlainFile {
  const { deployments, issues, ignored } = readWorkloadFiles([file]);
  const read = deployments.map(({ document: { metadata, spec }, scoreString, place }) => ({
    name: metadata.name,
    namespace: metadata.namespace,
    targetDevices: spec.targetDevices,
    scoreString,
    nameAt: place(["metadata", "name"]),
  }));
  return { deployments: issues.length > 0 ? [] : read, issues, others: ignored.map(({ kind }) => shortened(kind)) };
}

/** Names that two files share, which none of them can have. */
export function namesOfTwoFiles(files: ReadonlyMap<string, PlainFile>): FileIssue[] {
  return doubledNames([...files].flatMap(([file, { deployments }]) => deployments.map((deployment) => ({ ...deployment, file }))));
}
