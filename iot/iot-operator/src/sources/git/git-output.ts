// What git writes, taken apart piece by piece as it comes: however much it is, each piece is a
// small piece of work.

import { GitError } from "./git-program.ts";

export interface OutputParser {
  /** What of it is whole is given on at once. */
  push(piece: Buffer): void;
  /** Nothing follows. */
  end(): void;
}

/** Records that are ended, or kept apart, by a NUL. */
export function nulRecords(onRecord: (record: string) => void): OutputParser {
  let rest: Buffer[] = [];
  const give = (bytes: Buffer): void => {
    const text = Buffer.concat([...rest, bytes]).toString();
    rest = [];
    if (text !== "") onRecord(text);
  };
  return {
    push(piece) {
      let from = 0;
      for (let at = piece.indexOf(0); at >= 0; at = piece.indexOf(0, from)) {
        give(piece.subarray(from, at));
        from = at + 1;
      }
      if (from < piece.length) rest.push(piece.subarray(from));
    },
    end: () => give(Buffer.alloc(0)),
  };
}

const HEADER_LIMIT_BYTES = 200;
const NEW_LINE = 10;

/** Records of `cat-file --batch`: `<oid> <type> <size>\n<content>\n`. */
export function batchBlobs(onBlob: (oid: string, content: Buffer) => void): OutputParser {
  let header = Buffer.alloc(0);
  let blob: { readonly oid: string; readonly content: Buffer; filled: number } | null = null;

  /** How much of the piece it took. */
  function takeHeader(piece: Buffer): number {
    const end = piece.indexOf(NEW_LINE);
    const taken = end < 0 ? piece.length : end + 1;
    header = Buffer.concat([header, piece.subarray(0, taken)]);
    if (header.length > HEADER_LIMIT_BYTES) throw notContent();
    if (end < 0) return taken;
    const [oid, type, size] = header.toString().trimEnd().split(" ");
    if (oid === undefined || type !== "blob" || size === undefined) throw notContent();
    blob = { oid, content: Buffer.allocUnsafeSlow(Number(size)), filled: 0 };
    header = Buffer.alloc(0);
    return taken;
  }

  function takeContent(into: NonNullable<typeof blob>, piece: Buffer): number {
    const copied = piece.copy(into.content, into.filled);
    into.filled += copied;
    if (copied === piece.length) return copied;
    onBlob(into.oid, into.content);
    blob = null;
    // The line break after it.
    return copied + 1;
  }

  return {
    push(piece) {
      for (let at = 0; at < piece.length;) {
        const left = piece.subarray(at);
        at += blob === null ? takeHeader(left) : takeContent(blob, left);
      }
    },
    end() {
      if (blob !== null || header.length > 0) throw notContent();
    },
  };
}

function notContent(): GitError {
  return new GitError("Failed", "git cat-file gave something that is not a file's content");
}
