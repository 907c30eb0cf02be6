// `iot init`: a workload repository to begin with.

import { visibleLines } from "@harmony/core";
import { defineCommand } from "../command-line/command.ts";
import { initRepository, renderInit } from "./init-repository.ts";

export const init = defineCommand({
  options: { device: { type: "string", value: "id", about: "the device that runs it (pi-demo-01)" } },
  operands: [0, 1],
  async run({ device = "pi-demo-01" }, [folder = "."], at) {
    at.write(visibleLines(renderInit(folder, await initRepository(folder, device, at.env))));
    return 0;
  },
});
