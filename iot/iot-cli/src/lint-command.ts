// `iot lint`: workload files before they are pushed.

import { visibleLines } from "@harmony/core";
import { defineCommand } from "./command-line/command.ts";
import { EXIT } from "./command-line/exit-codes.ts";
import { findFiles } from "./find-files.ts";
import { inTime } from "./in-time.ts";
import { lintFiles, renderFindings } from "./lint-files.ts";

export const lint = defineCommand({
  options: {},
  operands: [1, Infinity],
  details: "A path is a file, or a folder with *.yaml and *.yml.",
  async run(_values, paths, at) {
    const found = await findFiles(paths);
    const { files, unread } = await inTime(found.files, found.unread);
    const result = lintFiles(files, unread);
    at.write(visibleLines(renderFindings(result, new Set([...files, ...unread].map(({ path }) => path)).size)));
    return result.findings.some(({ severity }) => severity === "error") ? EXIT.failed : 0;
  },
});
