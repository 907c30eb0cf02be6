// A line of our own JSON log, as a part writes it when no journal and no terminal reads it.

export interface LogEvent {
  readonly at: number;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function parseLogLine(line: string): LogEvent | null {
  const parsed = parseJson(line);
  if (typeof parsed !== "object" || parsed === null) return null;
  const { time, msg, ...fields }: Record<string, unknown> = Object.fromEntries(Object.entries(parsed));
  return { at: Number(time), message: String(msg), fields };
}

/** Returns null for text that is no JSON, such as the beginning of a line. */
function parseJson(text: string): unknown {
  try {
    return text.startsWith("{") ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

export function parseLog(text: string): LogEvent[] {
  return text.split("\n").flatMap((line) => parseLogLine(line) ?? []);
}

/** The same log for a person: time, message and fields. Other lines stay as they are. */
export function readableLog(text: string): string {
  return text
    .split("\n")
    .map((line) => {
      const event = parseLogLine(line);
      if (event === null) return line;
      const fields = Object.entries(event.fields).filter(([key]) => key !== "level" && key !== "name");
      const shown = fields.map(([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
      return `${new Date(event.at).toISOString().slice(11, 23)} ${event.message}${shown.join("")}`;
    })
    .join("\n");
}
