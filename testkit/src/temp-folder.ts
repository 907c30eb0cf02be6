// A folder for one server's data, removed when the server is stopped.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TempFolder {
  readonly path: string;
  remove(): Promise<void>;
}

export async function makeTempFolder(name: string): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), `harmony-${name}-`));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}
