// `iot init`: a workload repository to begin with.

import { visibleLines } from "@harmony/core";
import { defineCommand } from "./command-line/command.ts";
import { initRepository } from "./init-repository.ts";

export const init = defineCommand({
  options: { device: { type: "string", value: "id", about: "the device that runs it (pi-demo-01)" } },
  operands: [0, 1],
  async run({ device = "pi-demo-01" }, [folder = "."], at) {
    const { made, kept, madeRepository } = await initRepository(folder, device);
    const lines = [
      ...made.map((file) => `made  ${file}`),
      ...kept.map((file) => `kept  ${file}, which was there`),
      ...(madeRepository ? ["made  .git"] : []),
      "Edit deployment.yaml, iot lint ., git push.",
      "",
    ];
    at.write(visibleLines(lines.join("\n")));
    return 0;
  },
});
