// A line of our own JSON log, as a part writes it when no journal and no terminal reads it.

export interface LogEvent {
  readonly at: number;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function parseLogLine(line: string): LogEvent | null {
  if (!line.startsWith("{")) return null;
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== "object" || parsed === null) return null;
  const fields: Record<string, unknown> = Object.fromEntries(Object.entries(parsed));
  return { at: Number(fields["time"]), message: String(fields["msg"]), fields };
}
