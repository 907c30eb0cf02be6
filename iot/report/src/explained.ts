// Words the explanation of one deployment on one device, in the fleet (`iot explain`) and beside
// the device (`iot-agent explain`) alike: one sentence for why it is as it is and what would repair
// it, then the facts, then what else the caller can see. Pure.

import type { DeploymentReport } from "@iot/contracts";
import { shownAge } from "./age.ts";
import { wrapSentence } from "./sentence.ts";
import { wrap } from "./wrap.ts";

export interface Explained {
  readonly deployment: string;
  readonly device: string;
  readonly phase: string;
  readonly message: string;
  readonly reason?: string;
  /** RFC 3339; null: not known. */
  readonly since: string | null;
  readonly sinceSeconds: number | null;
  /** Null: no longer desired. */
  readonly desiredRevision: number | null;
  readonly runningRevision: number | null;
  readonly services: DeploymentReport["services"];
  /** Further known facts, in their order. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Titles with their sentences; one without a sentence is left out. */
  readonly sections?: readonly (readonly [title: string, sentences: readonly string[]])[];
}

/** `timeOf`: how an RFC 3339 time is shown; in UTC unless it is said. */
export function renderExplained(explained: Explained, width: number, timeOf: (time: string) => string = inUtc): string {
  const { deployment, device, message, since, sinceSeconds, services, sections = [] } = explained;
  const shownSince = since === null || since === "" ? "" : ` since ${timeOf(since)} (${shownAge(sinceSeconds ?? 0)})`;
  const facts: readonly (readonly [string, string])[] = [
    ["desired", explained.desiredRevision === null ? "no longer" : `revision ${explained.desiredRevision}`],
    ["running", explained.runningRevision === null ? "nothing" : `revision ${explained.runningRevision}`],
    ...services.map((service): [string, string] => [`service ${service.name}`, shownService(service)]),
    ...explained.facts,
  ];
  const indent = Math.max(...facts.map(([name]) => name.length)) + 4;
  return [
    ...wrapSentence(message, width, "", { head: `${deployment} on ${device} is ${shownPhase(explained)}${shownSince}: ` }),
    ...facts.flatMap(([name, value]) => wrap(`${`  ${name}`.padEnd(indent)}${value}`, width, " ".repeat(indent), "")),
    ...sections.flatMap(([title, sentences]) =>
      sentences.length === 0 ? [] : [`${title}:`, ...sentences.flatMap((sentence) => wrap(sentence, width, "    ", "  "))],
    ),
    "",
  ].join("\n");
}

function inUtc(time: string): string {
  return `${time.slice(0, 19).replace("T", " ")} UTC`;
}

/** What ended well, as it was to, is in order and does not run. */
export function shownPhase({ phase, reason }: { readonly phase: string; readonly reason?: string }): string {
  return phase === "Running" && reason === "Completed" ? "Completed" : phase;
}

function shownService({ phase, image, health, restarts = 0 }: DeploymentReport["services"][number]): string {
  return [phase, image, health, restarts === 0 ? undefined : `${restarts} ${restarts === 1 ? "restart" : "restarts"}`]
    .filter(Boolean)
    .join(", ");
}
