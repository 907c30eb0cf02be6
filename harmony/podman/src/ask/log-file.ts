// The log of a container that has a file of its own for it (k8s-file), read by Podman. A cursor is
// the time of a line and how many lines had that time up to it, since Podman's own order has no
// other name for a line.

import { type LogBatch, type LogQuery, Unable, type WrittenLine } from "@harmony/core";
import { systemClock } from "@harmony/runtime";
import type { Podman } from "../libpod/podman.ts";
import type { LogPart } from "../libpod/container-sessions.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import { cut } from "./journal.ts";

export interface LogFileRead {
  readonly podman: Podman;
  readonly container: string;
  /** Null: the workload has one alone. */
  readonly service: string | null;
  readonly query: Pick<LogQuery, "follow" | "tail" | "sinceMs" | "untilMs" | "cursor">;
}

interface Place {
  readonly time: string;
  readonly count: number;
}

/** With `follow` it waits for the next start when the container ends. @throws Unable */
export async function* readLogFile(read: LogFileRead, signal: AbortSignal): AsyncGenerator<LogBatch> {
  const { query } = read;
  let { cursor } = query;
  do {
    for await (const lines of linesOf(read, cursor, signal)) {
      cursor = lines.at(-1)?.cursor ?? cursor;
      yield { kind: "lines", lines };
    }
  } while (query.follow && (await untilRunning(read, signal)));
}

async function* linesOf(read: LogFileRead, cursor: string | null, signal: AbortSignal): AsyncGenerator<readonly WrittenLine[]> {
  const { podman, container, service, query } = read;
  const from = cursor === null ? null : placeOf(cursor);
  const tail = from === null && query.tail !== null ? await beforeTail(read, query.tail, signal) : null;
  const sinceMs = from === null ? (tail?.sinceMs ?? query.sinceMs) : Math.floor(Date.parse(from.time));
  let last: Place = { time: "", count: 0 };
  let toSkip = tail?.lines ?? 0;
  for await (const parts of podman.logParts(container, { ...query, tail: null, sinceMs }, signal)) {
    const lines = parts.flatMap((part): WrittenLine[] => {
      const [time, text] = timed(part);
      last = { time, count: time === last.time ? last.count + 1 : 1 };
      if (from !== null && (time < from.time || (time === from.time && last.count <= from.count))) return [];
      if (toSkip > 0) {
        toSkip -= 1;
        return [];
      }
      return [
        { atMicros: Math.floor(Date.parse(time) * 1_000), stream: part.stream, text: cut(text), service, cursor: `${last.count} ${time}` },
      ];
    });
    if (lines.length > 0) yield lines;
  }
}

interface BeforeTail {
  /** The time of the first line that is wanted; null: there is none yet. */
  readonly sinceMs: number | null;
  /** How many lines a reading from there has before it. */
  readonly lines: number;
}

/**
 * Where the last lines begin. Podman's own tail would not say how many lines of the same time stand
 * before them, and by that a cursor counts.
 */
async function beforeTail({ podman, container, query }: LogFileRead, tail: number, signal: AbortSignal): Promise<BeforeTail> {
  const linesIn = async (window: Pick<LogQuery, "tail" | "sinceMs">): Promise<readonly string[]> => {
    const lines: string[] = [];
    for await (const parts of podman.logParts(container, { ...query, ...window, follow: false }, signal))
      lines.push(...parts.map(({ text }) => text));
    return lines;
  };
  const wanted = await linesIn({ tail: Math.max(1, tail), sinceMs: query.sinceMs });
  const [first] = wanted;
  if (first === undefined) return { sinceMs: query.sinceMs, lines: 0 };
  const sinceMs = Math.floor(Date.parse(first.split(" ")[0] ?? ""));
  const all = await linesIn({ tail: null, sinceMs });
  const isThere = (at: number): boolean => wanted.every((line, index) => all[at + index] === line);
  let at = Math.max(0, all.length - wanted.length);
  while (at > 0 && !isThere(at)) at -= 1;
  return { sinceMs, lines: tail === 0 ? all.length : at };
}

const LOOK_EVERY_MS = 1_000;
const GONE_AFTER_MS = 60_000;

/** Another container may have its name then, after a change of the deployment. */
async function untilRunning({ podman, container }: LogFileRead, signal: AbortSignal): Promise<true> {
  const sinceMs = systemClock.monotonicMs();
  let isGone = false;
  for (;;) {
    try {
      if ((await podman.loggedContainer(container, signal)).isRunning) return true;
      isGone = false;
    } catch (error) {
      if (!(error instanceof PodmanError)) throw error;
      isGone = error.code === "not-found";
    }
    if (isGone && systemClock.monotonicMs() - sinceMs > GONE_AFTER_MS)
      throw new Unable("ContainerGone", `the container "${container}" is gone, and no other has come in its place`);
    await systemClock.sleep(LOOK_EVERY_MS, signal);
  }
}

function timed({ text }: LogPart): readonly [string, string] {
  const space = text.indexOf(" ");
  return space === -1 ? [text, ""] : [text.slice(0, space), text.slice(space + 1)];
}

function placeOf(cursor: string): Place | null {
  const [, count = "", time = ""] = /^(\d+) (\S+)$/.exec(cursor) ?? [];
  return Number.isNaN(Date.parse(time)) ? null : { time, count: Number(count) };
}
