// The log of a deployment's containers: from the journal, where Podman puts it by default, or from
// the file of each container that has one. One reading of the journal serves all services; files
// are read beside it.

import { type LogBatch, type LogQuery, type Logs, Unable } from "@harmony/core";
import { type Application, labelsOf } from "../model/application.ts";
import { containerName, nextName, oldName, serviceOfName } from "../model/names.ts";
import type { LoggedContainer } from "../libpod/container-sessions.ts";
import type { Podman } from "../libpod/podman.ts";
import { readJournal } from "./journal.ts";
import { readLogFile } from "./log-file.ts";
import { readSeveralFiles } from "./several-files.ts";

export interface ReadLogsOptions {
  readonly application: Application;
  readonly podman: Podman;
  /** The program that reads the journal, and what comes before its options. */
  readonly journalctl?: readonly string[];
}

interface Service {
  readonly service: string;
  readonly container: LoggedContainer;
}

export function logReader(options: ReadLogsOptions): Logs["logs"] {
  return (query, signal) => readLogs(options, query, signal);
}

async function* readLogs(options: ReadLogsOptions, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogBatch> {
  const { podman, journalctl = ["journalctl"] } = options;
  const services = await servicesOf(options, query, signal);
  const untilMs = query.previous ? lastStart(query, services) : query.untilMs;
  const files = services.filter(({ container }) => container.driver === "k8s-file");
  const [file] = files;
  if (file === undefined) {
    const names = services.flatMap(({ service }) => [containerName, nextName, oldName].map((name) => name(query.name, service)));
    const isOne = services.length === 1;
    const serviceOf = (container: string): string | null => (isOne ? null : serviceOfName(query.name, container));
    const matches = names.map((name) => `CONTAINER_NAME=${name}`);
    yield* readJournal({ journalctl, matches, query: { ...query, untilMs }, serviceOf }, signal);
    return;
  }
  if (files.length < services.length)
    throw new Unable("ChooseService", `"${query.name}" has a log in the journal and one in a file: name one of ${names(services)}`);
  if (query.grep !== null)
    throw new Unable("NoPattern", `the log of "${query.name}" is a file, which Podman reads whole: filter it with grep`);
  const own = { ...query, untilMs };
  const containers = files.map(({ service }) => ({ service, container: containerName(query.name, service) }));
  if (files.length > 1) yield* readSeveralFiles({ podman, files: containers, query: own }, signal);
  else yield* readLogFile({ podman, container: containerName(query.name, file.service), service: null, query: own }, signal);
}

async function servicesOf(
  { application, podman }: ReadLogsOptions,
  { name, service }: LogQuery,
  signal: AbortSignal,
): Promise<readonly Service[]> {
  const labels = labelsOf(application);
  const listed = await podman.listContainers(`${labels.deployment}=${name}`, signal);
  const known = new Set(listed.flatMap(({ Labels }) => Labels[labels.service] ?? []));
  const chosen = [...known].filter((each) => service === null || each === service);
  if (chosen.length === 0) {
    if (known.size === 0)
      throw new Unable("NoContainer", `"${name}" has no container on this device yet: ${application.program} explain ${name} says why`);
    throw new Unable("NoSuchService", `"${name}" has no service "${service ?? ""}": it has ${[...known].toSorted().join(", ")}`);
  }
  return Promise.all(
    chosen.map(async (each) => ({ service: each, container: await podman.loggedContainer(containerName(name, each), signal) })),
  );
}

function lastStart({ name }: LogQuery, services: readonly Service[]): number {
  const starts = services.map(({ container }) => container.startedAtMs).filter((ms) => !Number.isNaN(ms));
  if (starts.length === 0) throw new Unable("NoPrevious", `"${name}" was never started here`);
  return Math.min(...starts);
}

function names(services: readonly Service[]): string {
  return services
    .map(({ service }) => service)
    .toSorted()
    .join(", ");
}
