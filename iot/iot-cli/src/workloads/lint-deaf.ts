// Services whose process 1 does not hear SIGTERM: each change of one waits for its whole
// stopTimeoutSeconds before it is killed.

import { lookUp } from "@harmony/schema";
import type { Finding } from "./finding.ts";
import { deafProgram } from "../judge/deaf-program.ts";
import { type Linted, warningAt } from "./linted.ts";
import { DATA, podmanScoreOf } from "./lint-score.ts";

export function deafFindings(document: Linted): Finding[] {
  const services = podmanScoreOf(document)?.services ?? [];
  return services.flatMap((service, index) => {
    const { entrypoint, command, init, stopTimeoutSeconds: seconds } = service;
    const deaf = deafProgram([...(entrypoint ?? []), ...(command ?? [])]);
    const path = [...DATA, "services", index];
    const isDecided = init || wrote(document.score?.data, index, "stopTimeoutSeconds") || service.stopSignal === SIGKILL;
    if (deaf === null || isDecided) return [];
    const message = `${deaf} as process 1 does not hear SIGTERM, so each change waits ${seconds} s for it: write init: true, or a shorter stopTimeoutSeconds`;
    return [warningAt(document, [...path, entrypoint === undefined ? "command" : "entrypoint"], message)];
  });
}

const SIGKILL = 9;

function wrote(data: unknown, service: number, field: string): boolean {
  const services: unknown = typeof data === "object" && data !== null && "services" in data ? data.services : undefined;
  const found: unknown = Array.isArray(services) ? services[service] : undefined;
  return typeof found === "object" && found !== null && lookUp({ ...found }, field) !== undefined;
}
