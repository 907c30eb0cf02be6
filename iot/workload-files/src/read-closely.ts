// One file as `iot lint` looks at it: each document that is meant for us, with issues or without,
// as far as it could be read, and where its parts stand. Plain data, as read-plainly.ts has it for
// the operator, which needs less.

import type { Issue } from "@harmony/core";
import type { Places } from "./places.ts";
import { type FileIssue, type IgnoredDocument, readWorkloadFiles, type WorkloadFile } from "./read-workload-files.ts";

export interface CloseDocument {
  readonly line: number;
  /** As a person wrote it; of one that was refused, what could be read of it, or null. */
  readonly value: unknown;
  readonly isRefused: boolean;
  readonly places: Places;
  /** What an issue is about: who goes on judging says no more of it. */
  readonly said: readonly Issue["path"][];
}

export interface CloseFile {
  readonly documents: readonly CloseDocument[];
  readonly issues: readonly FileIssue[];
  readonly ignored: readonly IgnoredDocument[];
  /** It was not read to its end, for lack of time or memory. */
  readonly isUnfinished?: boolean;
}

export function readClosely(file: WorkloadFile): CloseFile {
  const { deployments, refused, issues, ignored } = readWorkloadFiles([file]);
  return {
    documents: [
      ...deployments.map(({ line, document, places }) => ({ line, value: document, isRefused: false, places: places(), said: [] })),
      ...refused.map(({ line, value, places, said }) => ({
        line,
        value,
        isRefused: true,
        places: value === null ? new Map() : places(),
        said,
      })),
    ],
    issues,
    ignored,
  };
}
