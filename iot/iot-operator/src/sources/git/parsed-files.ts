// The Deployments in a commit's files, with each file parsed once for its content: a push that
// touches one of a thousand files costs one, and only that one is read from git. What a file says
// is @iot/workload-files's to judge, and so is a name that two files share.

import { type FileIssue, namesOfTwoFiles, type PlainFile, type YamlReader } from "@iot/workload-files";

export interface CommittedFile {
  readonly path: string;
  /** The id of its content. */
  readonly oid: string;
}

export interface ParsedCommit {
  readonly files: ReadonlyMap<string, PlainFile>;
  /** Names that two files share, which none of them can have. */
  readonly doubled: readonly FileIssue[];
}

export type ReadContents = (oids: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>;

export class ParsedFiles {
  readonly #reader: YamlReader;
  #known: ReadonlyMap<string, PlainFile> = new Map();

  constructor(reader: YamlReader) {
    this.#reader = reader;
  }

  async read(files: readonly CommittedFile[], contents: ReadContents, signal: AbortSignal): Promise<ParsedCommit> {
    const fresh = files.filter((file) => !this.#known.has(keyOf(file)));
    const bytes = fresh.length === 0 ? new Map<string, Uint8Array>() : await contents([...new Set(fresh.map(({ oid }) => oid))]);
    const read = await this.#reader.readFiles(
      fresh.map(({ path, oid }) => ({ path, content: contentOf(bytes, oid) })),
      signal,
    );
    const parsed = files.flatMap((file) => {
      const result = this.#known.get(keyOf(file)) ?? read.get(file.path);
      return result === undefined ? [] : [{ file, result }];
    });
    // What was not read to its end is read again with the next commit.
    this.#known = new Map(parsed.flatMap(({ file, result }) => (result.isUnfinished === true ? [] : [[keyOf(file), result]])));
    const byPath = new Map(parsed.map(({ file, result }) => [file.path, result]));
    return { files: byPath, doubled: namesOfTwoFiles(byPath) };
  }
}

/** A content that is missing is no empty file. */
function contentOf(contents: ReadonlyMap<string, Uint8Array>, oid: string): Uint8Array {
  const content = contents.get(oid);
  if (content === undefined) throw new Error(`git did not give the content ${oid}`);
  return content;
}

function keyOf({ path, oid }: CommittedFile): string {
  return `${oid} ${path}`;
}
