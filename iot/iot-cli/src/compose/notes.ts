// What a conversion could not take over, or took over otherwise: a path in the Compose file and a
// sentence. It walks a Compose file, too, whose values may be of any form: what is read is
// struck off, and what is left at the end is named.

import { whyNotWithin } from "./why-not.ts";

export interface Note {
  readonly path: string;
  readonly message: string;
}

export type TakeNote = (path: string, message: string) => void;

export type ComposeMap = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is ComposeMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function mapOf(value: unknown): ComposeMap {
  return isMap(value) ? value : {};
}

/** Takes a list, or one value that stands alone. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map((one: unknown) => one) : [value];
}

/** Of what YAML reads as text, number or boolean; null for anything else. */
export function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint" ? String(value) : null;
}

/** What `read` makes of a value; one that is there and that it makes nothing of (null) is named. */
export function take<Value>(value: unknown, read: (value: unknown) => Value | null, path: string, note: TakeNote): Value | undefined {
  if (value === undefined || value === null) return undefined;
  const found = read(value);
  if (found === null) note(path, `${JSON.stringify(value)} is not taken over: write what it should be here`);
  return found ?? undefined;
}

/** Does the same with each of a list; those of which it makes nothing are left out. */
export function takeEach<Value>(list: unknown, read: (value: unknown) => Value | null, path: string, note: TakeNote): Value[] {
  return listOf(list).flatMap((one, index) => take(one, read, `${path}[${index}]`, note) ?? []);
}

/** Also of text, which is what a variable leaves. */
export function truthOf(value: unknown): boolean | null {
  const text = textOf(value)?.toLowerCase();
  return text === "true" ? true : text === "false" ? false : null;
}

/** Notes each member that is not in `known` and no extension. */
export function noteOthers(map: ComposeMap, known: ReadonlySet<string>, path: string, note: TakeNote): void {
  for (const [key, value] of Object.entries(map)) {
    if (!known.has(key) && !key.startsWith("x-") && !isNothing(value)) note(`${path}.${key}`, whyNotWithin(key, path));
  }
}

function isNothing(value: unknown): boolean {
  return value === null || (typeof value === "object" && Object.keys(value ?? {}).length === 0);
}
