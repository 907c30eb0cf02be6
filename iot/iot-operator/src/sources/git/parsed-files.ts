// The Deployments in a commit's files, with each file parsed once for its content: a push that touches one of a thousand files
// costs one. What a file says is @iot/workload-files's to judge, and so is a name that two files share: those are given to it together.

import type { Deployment } from "@iot/contracts";
import { type FileIssue, readWorkloadFiles } from "@iot/workload-files";

export interface CommittedFile {
  readonly path: string;
  /** Of its content. */
  readonly oid: string;
  readonly content: Uint8Array;
}

interface Parsed {
  /** Without the places of their nodes, which would keep each file's syntax tree. */
  readonly deployments: readonly { readonly document: Deployment; readonly scoreString: string }[];
  readonly issues: readonly FileIssue[];
}

export class ParsedFiles {
  #known: ReadonlyMap<string, Parsed> = new Map();

  read(files: readonly CommittedFile[]): Parsed {
    const parsed = files.map((file) => ({ file, ...(this.#known.get(keyOf(file)) ?? parse([file])) }));
    this.#known = new Map(parsed.map(({ file, deployments, issues }) => [keyOf(file), { deployments, issues }]));
    const byName = Map.groupBy(
      parsed.flatMap(({ file, deployments }) => deployments.map(({ document }) => ({ file, name: document.metadata.name }))),
      ({ name }) => name,
    );
    const sharing = new Set([...byName.values()].flatMap((of) => (of.length > 1 ? of.map(({ file }) => file) : [])));
    return {
      deployments: parsed.flatMap(({ deployments }) => deployments),
      issues: [...parsed.flatMap(({ file, issues }) => (sharing.has(file) ? [] : issues)), ...parse([...sharing]).issues],
    };
  }
}

function parse(files: readonly CommittedFile[]): Parsed {
  const { deployments, issues } = readWorkloadFiles(files);
  return { deployments: deployments.map(({ document, scoreString }) => ({ document, scoreString })), issues };
}

function keyOf({ path, oid }: CommittedFile): string {
  return `${oid} ${path}`;
}
