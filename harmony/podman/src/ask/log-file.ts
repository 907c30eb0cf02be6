// The log of a container that has a file of its own for it (k8s-file), read by Podman. A cursor is
// the time of a line and how many lines had that time up to it, since Podman's own order has no
// other name for a line.

import type { LogBatch, LogQuery, WrittenLine } from "@harmony/core";
import type { Podman } from "../libpod/podman.ts";
import type { LogPart } from "../libpod/container-sessions.ts";
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

/** Ends when the container does; what it writes after another start has another reading. */
export async function* readLogFile({ podman, container, service, query }: LogFileRead, signal: AbortSignal): AsyncGenerator<LogBatch> {
  const from = query.cursor === null ? null : placeOf(query.cursor);
  const window = from === null ? query : { ...query, tail: null, sinceMs: Math.floor(Date.parse(from.time)) };
  let last: Place = { time: "", count: 0 };
  for await (const parts of podman.logParts(container, window, signal)) {
    const lines = parts.flatMap((part): WrittenLine[] => {
      const [time, text] = timed(part);
      last = { time, count: time === last.time ? last.count + 1 : 1 };
      if (from !== null && (time < from.time || (time === from.time && last.count <= from.count))) return [];
      return [
        { atMicros: Math.floor(Date.parse(time) * 1_000), stream: part.stream, text: cut(text), service, cursor: `${last.count} ${time}` },
      ];
    });
    if (lines.length > 0) yield { kind: "lines", lines };
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
