// Programs that do not hear SIGTERM as process 1, which Linux gives no default: a shell, sleep, tail.
// Each change of such a service waits for its whole stopTimeoutSeconds before it is killed.

import { lookUp } from "@harmony/schema";
import type { Finding } from "./finding.ts";
import { type Linted, warningAt } from "./linted.ts";
import { DATA, podmanScoreOf } from "./lint-score.ts";

const SHELLS = new Set(["sh", "ash", "bash", "dash", "zsh", "ksh"]);
const DEAF = new Set(["sleep", "tail", "cat"]);

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

/** How a person would call it; null: it may well hear. */
export function deafProgram(words: readonly string[]): string | null {
  const [first = "", ...rest] = words;
  const program = first.slice(first.lastIndexOf("/") + 1);
  if (program === "busybox" || program === "env") return deafProgram(rest.filter((word) => !word.includes("=")));
  if (DEAF.has(program)) return program;
  if (!SHELLS.has(program)) return null;
  const at = rest.findIndex((word) => /^-[a-z]*c$/.test(word));
  const script = at < 0 ? "" : (rest[at + 1] ?? "");
  return isHeard(script) ? null : `a shell (${program})`;
}

/** It waits for signals itself, or gives its place to its last command. */
function isHeard(script: string): boolean {
  const last = script.split(/[;&|\n]+/).findLast((part) => part.trim() !== "") ?? "";
  return /\btrap\b/.test(script) || /^\s*exec\s/.test(last);
}

function wrote(data: unknown, service: number, field: string): boolean {
  const services: unknown = typeof data === "object" && data !== null && "services" in data ? data.services : undefined;
  const found: unknown = Array.isArray(services) ? services[service] : undefined;
  return typeof found === "object" && found !== null && lookUp({ ...found }, field) !== undefined;
}
