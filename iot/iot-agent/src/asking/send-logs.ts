// Sends what a deployment or the agent itself wrote, as far as the session has room: what is not
// sent is not read. Lines are gathered for a moment, since a message a line costs ten times the
// CPU. A frame holds whole lines, and its last one has the cursor, so that a frame that was lost is
// taken up where the one before it ended.

import { type LogBatch, type LogQuery, Unable, type WrittenLine } from "@harmony/core";
import { parseJson } from "@harmony/schema";
import { type LogLine, LogsRequest, type SessionStatus } from "@iot/contracts";
import type { SessionEnd } from "@iot/messaging/sessions";
import { type Answering, known, read } from "./answering.ts";

const GATHERED_MS = 20;
/** What stands around a line's text in a frame, without the cursor. */
const AROUND_BYTES = 100;

export async function sendLogs({ options, session, data }: Answering, signal: AbortSignal): Promise<SessionStatus> {
  const { unit, ...request } = read(parseJson(LogsRequest, data));
  const query: LogQuery = {
    name: request.deployment ?? unit ?? "",
    service: request.service ?? null,
    follow: request.follow ?? false,
    tail: request.tail ?? null,
    sinceMs: request.since ?? null,
    untilMs: request.until ?? null,
    grep: request.grep ?? null,
    previous: request.previous ?? false,
    cursor: request.cursor ?? null,
  };
  await forward(logOf({ options, request, unit }, query, signal), session);
  return { exitCode: 0 };
}

function logOf(
  { options, request, unit }: { options: Answering["options"]; request: Pick<LogsRequest, "deployment">; unit: LogsRequest["unit"] },
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<LogBatch> {
  if (unit !== undefined) {
    if (options.ownLog === undefined) throw new Unable("NoJournal", "the agent of this device writes to no journal");
    return options.ownLog(query, signal);
  }
  if (request.deployment === undefined) throw new Unable("WrongRequest", "name a deployment, or the unit iot-agent");
  const variant = options.variantOf(known(options, request.deployment));
  if (variant?.logs === undefined) throw new Unable("NoLogs", `nothing can be read of what "${request.deployment}" writes`);
  return variant.logs(query, signal);
}

async function forward(batches: AsyncIterable<LogBatch>, session: SessionEnd): Promise<void> {
  const gathered = new Gathered(session);
  try {
    for await (const batch of batches) {
      if (batch.kind === "lines") for (const line of batch.lines) await gathered.add(line);
      else {
        await gathered.flush();
        await session.write("notice", Buffer.from(JSON.stringify(batch.notice)));
      }
    }
    await gathered.flush();
  } finally {
    gathered.stop();
  }
}

/** Lines on their way into a frame. */
class Gathered {
  readonly #session: SessionEnd;
  #lines: WrittenLine[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** One after the other: what is gathered meanwhile waits. */
  #sending: Promise<void> = Promise.resolve();

  constructor(session: SessionEnd) {
    this.#session = session;
  }

  async add(line: WrittenLine): Promise<void> {
    const bytes = Buffer.byteLength(line.text) + AROUND_BYTES;
    if (this.#bytes + bytes > this.#session.frameBytes() - line.cursor.length) await this.flush();
    this.#lines.push(line);
    this.#bytes += bytes;
    this.#timer ??= setTimeout(() => void this.flush().catch(() => undefined), GATHERED_MS);
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    if (lines.length > 0) this.#sending = this.#sending.then(() => this.#session.write("stdout", encode(lines)));
    return this.#sending;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function encode(lines: readonly WrittenLine[]): Uint8Array {
  const texts = lines.map(({ atMicros: t, stream: s, text: m, service, cursor }, index): string => {
    const line: LogLine = { t, s, m, ...(service === null ? {} : { n: service }), ...(index === lines.length - 1 ? { c: cursor } : {}) };
    return `${JSON.stringify(line)}\n`;
  });
  return Buffer.from(texts.join(""));
}
