// The thread that reads YAML: files come in, and an answer goes out for each as soon as it is
// known, so that who waits can name the file that holds it up. yaml-reader.ts starts it, and ends
// it.

import { parentPort } from "node:worker_threads";
import { readClosely } from "./read-closely.ts";
import { readPlainly } from "./read-plainly.ts";
import type { WorkloadFile } from "./read-workload-files.ts";
import { parseYamlValue } from "./yaml-value.ts";
import type { Answer, Asked } from "./yaml-reader.ts";

const port = parentPort;
if (port === null) throw new Error("yaml-worker is a thread of yaml-reader, and no program of its own");

function answerTo(as: Asked["as"], file: WorkloadFile): Answer {
  switch (as) {
    case "workload":
      return { file: readPlainly(file) };
    case "close":
      return { close: readClosely(file) };
    case "value":
      return { value: parseYamlValue(file) };
  }
}

port.on("message", (asked: readonly Asked[]) => {
  for (const { as, ...file } of asked) {
    port.postMessage(answerTo(as, file));
  }
});
port.postMessage({ isReady: true } satisfies Answer);
