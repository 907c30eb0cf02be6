// Writes one line an event: a constant message and fields. For a journal or a terminal it is prose
// (`pulled image deployment=hello`), with the syslog priority that journald understands; elsewhere
// it is JSON lines in pino's shape. Fields named like a secret are redacted, and sequences that a
// terminal would obey are removed from text that came from elsewhere. pino itself costs 1 MB
// private on the device (docs/adr/0003).

import { visibleText } from "@harmony/core";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line carries these fields too. */
  with(fields: LogFields): Log;
}

const LEVELS: Record<LogLevel, { pino: number; syslog: number }> = {
  debug: { pino: 20, syslog: 7 },
  info: { pino: 30, syslog: 6 },
  warn: { pino: 40, syslog: 4 },
  error: { pino: 50, syslog: 3 },
};

const SECRET = /pass(word)?$|secret|token|credential|authorization|^(nats_)?pass$/i;

export function createLog(options: {
  readonly name: string;
  readonly level?: LogLevel;
  /** `journal`: prose with priorities; `text`: prose; `json`. */
  readonly format?: "journal" | "text" | "json";
  readonly write?: (line: string) => void;
  readonly now?: () => Date;
}): Log {
  const {
    name,
    level = "info",
    format = process.env["JOURNAL_STREAM"] !== undefined ? "journal" : process.stdout.isTTY ? "text" : "json",
    write = (line) => void process.stdout.write(line),
    now = () => new Date(),
  } = options;

  const emit = (at: LogLevel, words: string, fields: LogFields): void => {
    if (LEVELS[at].pino < LEVELS[level].pino) return;
    const message = visibleText(words);
    const clean = plainFields(fields);
    if (format === "json") {
      write(`${JSON.stringify({ level: LEVELS[at].pino, time: now().getTime(), name, msg: message, ...clean })}\n`);
      return;
    }
    const rest = Object.entries(clean).map(([key, value]) => ` ${key}=${shown(value)}`);
    const line = `${message}${rest.join("")}`;
    write(format === "journal" ? `<${LEVELS[at].syslog}>${line}\n` : `${now().toISOString()} ${at} ${line}\n`);
  };

  const bound = (base: LogFields): Log => ({
    debug: (message, fields) => emit("debug", message, { ...base, ...fields }),
    info: (message, fields) => emit("info", message, { ...base, ...fields }),
    warn: (message, fields) => emit("warn", message, { ...base, ...fields }),
    error: (message, fields) => emit("error", message, { ...base, ...fields }),
    with: (fields) => bound({ ...base, ...fields }),
  });
  return bound({});
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /[\s"=]/.test(text) && typeof value === "string" ? JSON.stringify(text) : text;
}

function plainFields(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, SECRET.test(key) ? "[redacted]" : plain(value)]),
  );
}

function plain(value: unknown): unknown {
  if (typeof value === "string") return visibleText(value);
  if (value instanceof Error) return visibleText(errorText(value));
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "object" && value !== null ? plainFields(value) : value;
}

/**
 * The error as the chain of its messages: each layer adds what it tried, and never repeats the
 * cause.
 */
export function errorText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const messages: string[] = [];
  for (let error: unknown = thrown; error instanceof Error; error = error.cause) messages.push(error.message || error.name);
  return messages.join(": ");
}
