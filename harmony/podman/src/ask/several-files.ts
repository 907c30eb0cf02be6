// The logs of several containers with files of their own, as one log: what is there already in the
// order of its times (which Podman 5.4 gives to a second), and what is written from then on as it
// comes. The cursor of a line holds that of each container.

import type { LogBatch, LogQuery, WrittenLine } from "@harmony/core";
import { parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import type { Podman } from "../libpod/podman.ts";
import { readLogFile } from "./log-file.ts";

const Cursors = z.record(z.string(), z.string());

export interface SeveralFilesRead {
  readonly podman: Podman;
  readonly files: readonly { readonly service: string; readonly container: string }[];
  readonly query: Pick<LogQuery, "follow" | "tail" | "sinceMs" | "untilMs" | "cursor">;
}

export async function* readSeveralFiles({ podman, files, query }: SeveralFilesRead, signal: AbortSignal): AsyncGenerator<LogBatch> {
  const before = query.cursor === null ? null : parseJson(Cursors, query.cursor);
  const cursors = new Map(Object.entries(before?.ok === true ? before.value : {}));
  const startedAtMs = Date.now();
  const lines = (file: SeveralFilesRead["files"][number], follow: boolean): AsyncGenerator<WrittenLine> => {
    const cursor = cursors.get(file.service) ?? null;
    // What had no line yet has none of before this reading.
    const isNew = follow && cursor === null;
    const from = isNew ? { tail: null, sinceMs: startedAtMs } : { tail: query.tail, sinceMs: query.sinceMs };
    return linesOf(readLogFile({ podman, ...file, query: { ...query, ...from, follow, cursor } }, signal));
  };
  const withAll = (line: WrittenLine): LogBatch => {
    if (line.service !== null) cursors.set(line.service, line.cursor);
    return { kind: "lines", lines: [{ ...line, cursor: JSON.stringify(Object.fromEntries(cursors)) }] };
  };
  for await (const line of byTime(files.map((file) => lines(file, false)))) yield withAll(line);
  if (query.follow) for await (const line of asTheyCome(files.map((file) => lines(file, true)))) yield withAll(line);
}

async function* linesOf(batches: AsyncIterable<LogBatch>): AsyncGenerator<WrittenLine> {
  for await (const batch of batches) if (batch.kind === "lines") yield* batch.lines;
}

interface Next {
  readonly source: AsyncGenerator<WrittenLine>;
  readonly result: IteratorResult<WrittenLine, unknown>;
}

async function next(source: AsyncGenerator<WrittenLine>): Promise<Next> {
  return { source, result: await source.next() };
}

async function* byTime(sources: readonly AsyncGenerator<WrittenLine>[]): AsyncGenerator<WrittenLine> {
  let heads = await Promise.all(sources.map(next));
  try {
    for (;;) {
      const waiting = heads.flatMap(({ source, result }) => (result.done === true ? [] : [{ source, line: result.value }]));
      const [first, ...others] = waiting;
      if (first === undefined) return;
      const { source, line } = others.reduce((least, one) => (one.line.atMicros < least.line.atMicros ? one : least), first);
      yield line;
      const following = await next(source);
      heads = heads.map((head) => (head.source === source ? following : head));
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

async function* asTheyCome(sources: readonly AsyncGenerator<WrittenLine>[]): AsyncGenerator<WrittenLine> {
  const coming = new Map(sources.map((source) => [source, next(source)]));
  while (coming.size > 0) {
    const { source, result } = await Promise.race(coming.values());
    if (result.done === true) coming.delete(source);
    else {
      coming.set(source, next(source));
      yield result.value;
    }
  }
}
