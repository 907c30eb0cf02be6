// The libpod calls behind what a person asks of a container: its log as it is written, and a
// command in it. Their answers are streams that end with the container, the command or the caller.

import type { Duplex } from "node:stream";
import type { Size } from "@harmony/core";
import * as z from "zod/mini";
import type { LibpodHttp } from "./libpod-http.ts";

const QUICK_MS = 10_000;

const Created = z.looseObject({ Id: z.string() });
const Inspected = z.looseObject({ ExitCode: z.catch(z.number(), 0), Running: z.catch(z.boolean(), false), Pid: z.catch(z.number(), 0) });
const Logged = z.looseObject({
  Id: z.string(),
  State: z.looseObject({ Status: z.catch(z.string(), ""), StartedAt: z.catch(z.string(), "") }),
  HostConfig: z.looseObject({ LogConfig: z.looseObject({ Type: z.catch(z.string(), "") }) }),
});

export interface LoggedContainer {
  readonly id: string;
  readonly driver: string;
  readonly isRunning: boolean;
  /** Milliseconds since the epoch; NaN: it never was. */
  readonly startedAtMs: number;
}

export interface LogPart {
  readonly stream: "out" | "err";
  /** `<RFC 3339 with nanoseconds> <line>` */
  readonly text: string;
}

export interface ContainerSessions {
  loggedContainer(name: string, signal: AbortSignal): Promise<LoggedContainer>;
  /** Reads the log file of a container. Ends when the container does. */
  logParts(
    name: string,
    options: { readonly follow: boolean; readonly tail: number | null; readonly sinceMs: number | null; readonly untilMs: number | null },
    signal: AbortSignal,
  ): AsyncIterable<readonly LogPart[]>;
  createExec(
    name: string,
    options: { readonly command: readonly string[]; readonly terminal: string | null; readonly hasInput: boolean },
    signal: AbortSignal,
  ): Promise<string>;
  /**
   * Its input and output: with a terminal as they are, else the output in frames (`logParts`' own).
   */
  startExec(id: string, size: Size | null, signal: AbortSignal): Promise<Duplex>;
  resizeExec(id: string, size: Size, signal: AbortSignal): Promise<void>;
  /** `pid`: on the device, while it runs. */
  execState(id: string, signal: AbortSignal): Promise<{ readonly exitCode: number; readonly isRunning: boolean; readonly pid: number }>;
}

export function containerSessions(http: LibpodHttp): ContainerSessions {
  const get = (path: string, doing: string, signal: AbortSignal) => ({ method: "GET" as const, path, doing, signal, timeoutMs: QUICK_MS });
  return {
    loggedContainer: async (name, signal) => {
      const path = `/containers/${encodeURIComponent(name)}/json`;
      const { Id, State, HostConfig } = await http.json(Logged, get(path, `inspect container "${name}"`, signal));
      const startedAtMs = Date.parse(State.StartedAt);
      return {
        id: Id,
        driver: HostConfig.LogConfig.Type,
        isRunning: State.Status === "running",
        startedAtMs: startedAtMs > 0 ? startedAtMs : NaN,
      };
    },

    logParts: (name, { follow, tail, sinceMs, untilMs }, signal) => {
      const query = new URLSearchParams({ stdout: "true", stderr: "true", timestamps: "true", follow: String(follow) });
      if (tail !== null) query.set("tail", String(tail));
      if (sinceMs !== null) query.set("since", new Date(sinceMs).toISOString());
      if (untilMs !== null) query.set("until", new Date(untilMs).toISOString());
      const path = `/containers/${encodeURIComponent(name)}/logs?${query.toString()}`;
      return parts(
        http.bytes({ method: "GET", path, doing: `read the log of container "${name}"`, signal, timeoutMs: follow ? null : QUICK_MS }),
      );
    },

    createExec: async (name, { command, terminal, hasInput }, signal) => {
      const body = {
        AttachStdin: hasInput,
        AttachStdout: true,
        AttachStderr: true,
        Tty: terminal !== null,
        Cmd: command,
        ...(terminal === null ? {} : { Env: [`TERM=${terminal}`] }),
      };
      const path = `/containers/${encodeURIComponent(name)}/exec`;
      const doing = `run a command in container "${name}"`;
      return (await http.json(Created, { method: "POST", path, doing, body, signal, timeoutMs: QUICK_MS })).Id;
    },

    startExec: (id, size, signal) =>
      http.upgrade({
        method: "POST",
        path: `/exec/${id}/start`,
        doing: "run the command",
        body: { Detach: false, Tty: size !== null, ...(size === null ? {} : { h: size.height, w: size.width }) },
        signal,
        timeoutMs: QUICK_MS,
      }),

    resizeExec: async (id, { width, height }, signal) => {
      const path = `/exec/${id}/resize?h=${height}&w=${width}`;
      await http.call({ method: "POST", path, doing: "change the size of the terminal", signal, timeoutMs: QUICK_MS });
    },

    execState: async (id, signal) => {
      const { ExitCode, Running, Pid } = await http.json(Inspected, get(`/exec/${id}/json`, "read how the command stands", signal));
      return { exitCode: ExitCode, isRunning: Running, pid: Pid };
    },
  };
}

const HEADER_BYTES = 8;
const STDERR = 2;

/** A frame has one byte for the stream, three of zero, four of length, and as many of data. */
export async function* frames(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly { readonly stream: "out" | "err"; readonly data: Buffer }[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    const whole: { stream: "out" | "err"; data: Buffer }[] = [];
    let at = 0;
    while (rest.length - at >= HEADER_BYTES && rest.length - at >= HEADER_BYTES + rest.readUInt32BE(at + 4)) {
      const end = at + HEADER_BYTES + rest.readUInt32BE(at + 4);
      whole.push({ stream: rest[at] === STDERR ? "err" : "out", data: rest.subarray(at + HEADER_BYTES, end) });
      at = end;
    }
    rest = rest.subarray(at);
    if (whole.length > 0) yield whole;
  }
}

async function* parts(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly LogPart[]> {
  for await (const some of frames(bytes)) yield some.map(({ stream, data }) => ({ stream, text: data.toString("utf8") }));
}
