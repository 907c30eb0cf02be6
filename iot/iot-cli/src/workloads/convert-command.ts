// `iot convert`: a Compose file as a Deployment.

import { visibleLines } from "@harmony/core";
import { defineCommand } from "../command-line/command.ts";
import { convertComposeFile } from "../compose/convert-compose-file.ts";

export const convert = defineCommand({
  options: { device: { type: "string", value: "id", about: "the device that runs it (pi-demo-01)" } },
  operands: [1, 1],
  async run({ device = "pi-demo-01" }, [file = ""], at) {
    const { text, notes } = await convertComposeFile(file, device);
    at.write(text);
    for (const { path, message } of notes) at.warn(visibleLines(`${file}: ${path}: ${message}\n`));
    return 0;
  },
});
