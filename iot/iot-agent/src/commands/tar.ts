// A tar archive of a few texts (ustar), in memory: a support bundle is written in one go and holds
// nothing that would need more.

import { gzipSync } from "node:zlib";

export interface TarFile {
  /** At most 100 bytes after the last slash, and 155 before it. */
  readonly path: string;
  readonly text: string;
}

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

export function tarGz(files: readonly TarFile[], modifiedAtMs: number): Buffer {
  const blocks = files.flatMap(({ path, text }) => {
    const content = Buffer.from(text);
    const padding = Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES);
    return [header(path, content.length, modifiedAtMs), content, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]));
}

function header(path: string, sizeBytes: number, modifiedAtMs: number): Buffer {
  const slash = Buffer.byteLength(path) <= NAME_BYTES ? -1 : path.lastIndexOf("/");
  const [prefix, name] = slash === -1 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
  if (Buffer.byteLength(name) > NAME_BYTES || Buffer.byteLength(prefix) > PREFIX_BYTES)
    throw new RangeError(`the name ${path} is too long for an archive`);
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, length: number): number => block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at);
  block.write(name, 0);
  block.write(prefix, 345);
  octal(0o600, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(sizeBytes, 124, 12);
  octal(Math.floor(modifiedAtMs / 1_000), 136, 12);
  // The sum is taken with blanks in its own place.
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\0", 257);
  block.write("00", 263);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return block;
}
