// Separates the files that the operator would give up from those that it reads, by the operator's
// own reader of YAML and its limits, before anything else looks at them.

import { type WorkloadFile, YamlReader } from "@iot/workload-files";
import type { UnreadFile } from "./finding.ts";

export async function inTime(
  files: readonly WorkloadFile[],
  unread: readonly UnreadFile[],
): Promise<{ files: readonly WorkloadFile[]; unread: readonly UnreadFile[] }> {
  await using reader = new YamlReader();
  const read = await reader.readFiles(files);
  const late = [...read].flatMap(([path, { isUnfinished, issues }]) =>
    isUnfinished === true ? [{ path, message: issues[0]?.message ?? "is not read" }] : [],
  );
  const given = new Set(late.map(({ path }) => path));
  return { files: files.filter(({ path }) => !given.has(path)), unread: [...unread, ...late] };
}
