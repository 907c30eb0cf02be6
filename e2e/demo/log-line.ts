// A line of our own JSON log, as a part writes it when no journal and no terminal reads it.

export interface LogEvent {
  readonly at: number;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function parseLogLine(line: string): LogEvent | null {
  if (!line.startsWith("{")) return null;
  const fields = Object.fromEntries(Object.entries(JSON.parse(line)));
  return { at: Number(fields["time"]), message: String(fields["msg"]), fields };
}
