// The little languages inside a Score: ports, volumes, sizes, durations, command lines, signals.
// Each is a schema that takes the text that a person writes and gives the value that the rest of
// the package works with. Errors show the form and an example. host-values.ts has those for what a
// service uses of the device.

import { isIPv6 } from "node:net";
import { constants } from "node:os";
import * as z from "zod/mini";
import { type Limits, limitOf } from "./limits.ts";

/**
 * A text of one form. `read` gives null for text that is not of the form. `problem`: what is wrong
 * with a text before its form is looked at.
 */
export function form<Value>(expected: string, read: (text: string) => Value | null, problem?: (text: string) => string | null) {
  return z.pipe(
    z.string({ error: `${expected}, in quotes` }),
    z.transform((text: string, context): Value => {
      const unfit = problem?.(text) ?? null;
      const value = unfit === null ? read(text) : null;
      if (value !== null) return value;
      context.issues.push({ code: "custom", message: unfit ?? expected, input: text });
      return z.NEVER;
    }),
  );
}

/** Control characters, and what some programs take for a line break. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;

/** Why a text can be no path or name on any device; null: it can. */
export function unfitText(text: string, most: number): string | null {
  if (text.length > most) return `has ${text.length.toLocaleString("en")} characters: at most ${most}`;
  return CONTROL.test(text) ? "has a line break, a NUL or another control character, which no path or name may have" : null;
}

/** Why a text cannot be handed to a program; null: it can. */
export function unfitArgument(text: string, most: number): string | null {
  if (text.length > most) return `has ${text.length.toLocaleString("en")} characters: at most ${most}`;
  return text.includes("\0") ? "has a NUL, which no program can be given" : null;
}

export function unfitPath(text: string): string | null {
  return unfitText(text, limitOf("pathCharacters"));
}

export interface PortMapping {
  /** Empty: on all addresses. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

export const Port = form<PortMapping>('expected "[ip:]host:container[/udp]", e.g. "8080:80"', (text) => {
  const match = /^(?:(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
  const hostPort = Number(match?.[2]);
  const containerPort = Number(match?.[3]);
  const isPort = (port: number): boolean => port >= 1 && port <= 65_535;
  if (match === null || !isPort(hostPort) || !isPort(containerPort)) return null;
  const hostIp = (match[1] ?? "").replace(/^\[(.*)\]$/, "$1");
  if (hostIp.split(".").some((part) => Number(part) > 255)) return null;
  if (hostIp.includes(":") && !isIPv6(hostIp)) return null;
  return { hostIp: hostIp === "0.0.0.0" ? "" : hostIp, hostPort, containerPort, protocol: match[4] === "udp" ? "udp" : "tcp" };
});

export interface Tmpfs {
  readonly path: string;
  readonly options: readonly string[];
}

export const TmpfsMount = form<Tmpfs>(
  'expected "/path[:options]", e.g. "/run" or "/tmp:size=64m"',
  (text) => {
    const match = /^(\/[^:]*)(?::([a-zA-Z0-9=,]+))?$/.exec(text);
    return match === null ? null : { path: match[1] ?? "", options: match[2]?.split(",") ?? [] };
  },
  unfitPath,
);

/** Milliseconds. */
const Duration = form<number>('expected a duration, e.g. "30s", "1m30s" or "500ms"', (text) => {
  const match = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (match === null || text === "") return null;
  const [hours, minutes, seconds, ms] = [1, 2, 3, 4].map((group) => Number(match[group] ?? 0));
  return (((hours ?? 0) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1000 + (ms ?? 0);
});

export function durationUpTo(hours: number) {
  return Duration.check(z.refine((ms) => ms <= hours * 3_600_000, { error: `is longer than ${hours}h, which is the most` }));
}

const UNITS: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, k: 1e3, K: 1e3, M: 1e6, G: 1e9 };

/** Bytes. */
const Size = form<number>('expected a size, e.g. "256Mi" or "256M"', (text) => {
  const match = /^(\d+)([KMG]i|[kKMG])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ""];
  return match === null || unit === undefined ? null : Number(match[1]) * unit;
});

export function sizeUpTo(gibibytes: number) {
  return Size.check(z.refine((bytes) => bytes <= gibibytes * 2 ** 30, { error: `is larger than ${gibibytes}Gi, which is the most` }));
}

export const Cpus = z.pipe(
  z.union([z.number(), z.string()], { error: "expected a number of CPUs, e.g. 0.5" }),
  z.transform((value: number | string, context): number => {
    const cpus = Number(value);
    if (cpus >= 0.01 && cpus <= 1024) return cpus;
    context.issues.push({ code: "custom", message: "expected a number of CPUs of at least 0.01, e.g. 0.5", input: value });
    return z.NEVER;
  }),
);

/** The number of a signal, as Linux counts. */
export const Signal = form<number>('expected a signal, e.g. "SIGINT"', (text) => {
  const name = /^\d+$/.test(text) ? text : `SIG${text.toUpperCase().replace(/^SIG/, "")}`;
  const found = Object.entries(constants.signals).find(([signal, number]) => signal === name || String(number) === name);
  return found === undefined ? null : found[1];
});

/** A list of arguments, or a line that is split as a shell would, without running one. */
const Words = z.pipe(
  z.union([z.array(z.string()), z.string()], {
    error: 'expected a command line or a list of texts, e.g. ["httpd", "-f"]; numbers in quotes',
  }),
  z.transform((value: string | string[], context): string[] => {
    const words = typeof value === "string" ? splitWords(value) : value;
    if (words !== null) return words;
    context.issues.push({ code: "custom", message: "expected a command line whose quotes are closed", input: value });
    return z.NEVER;
  }),
);

/** A command: its words are few and short enough, and a program can be given them. */
export function commandLine(limits: Limits) {
  return Words.check(z.maxLength(limits("words")), fitWords(limits));
}

function fitWords(limits: Limits) {
  return z.check<string[]>(({ value, issues }) => {
    value.forEach((word, index) => {
      const message = unfitArgument(word, limits("textCharacters"));
      if (message !== null) issues.push({ code: "custom", path: [index], message, input: word });
    });
  });
}

function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  for (let rest = line; rest !== "";) {
    const match = /^(?:\s+|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|[^\s'"\\]+)/.exec(rest);
    if (match === null) return null;
    const [text] = match;
    rest = rest.slice(text.length);
    if (text.trim() === "") {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? "") + (match[1] ?? match[2]?.replaceAll(/\\(["\\$`])/g, "$1") ?? match[3] ?? text);
    }
  }
  return word === null ? words : [...words, word];
}

export interface Restart {
  readonly policy: "always" | "unless-stopped" | "on-failure" | "no";
  /** The number of tries for on-failure; 0: without end. */
  readonly retries: number;
}

export const RestartPolicy = z.pipe(
  z.union([z.string(), z.literal(false)], { error: "expected always, unless-stopped, on-failure[:tries] or no" }),
  z.transform((value: string | false, context): Restart => {
    // YAML 1.1 reads a bare `no` as false.
    const match = /^(always|unless-stopped|no|on-failure)(?::(\d{1,4}))?$/.exec(value === false ? "no" : value);
    const policy = match?.[1];
    const tries = match?.[2];
    if (policy === "on-failure") return { policy, retries: Number(tries ?? 0) };
    if ((policy === "always" || policy === "unless-stopped" || policy === "no") && tries === undefined) return { policy, retries: 0 };
    context.issues.push({ code: "custom", message: "expected always, unless-stopped, on-failure[:tries] or no", input: value });
    return z.NEVER;
  }),
);

export function healthTest(limits: Limits) {
  return HealthWords.check(z.maxLength(limits("words")), fitWords(limits));
}

const HealthWords = z.pipe(
  z.union([z.string(), z.array(z.string())], { error: 'expected a command line or a list, e.g. ["CMD", "wget", "-q", "localhost"]' }),
  z.transform((value: string | string[], context): string[] => {
    if (typeof value === "string") return ["CMD-SHELL", value];
    if ((value[0] === "CMD" && value.length > 1) || (value[0] === "CMD-SHELL" && value.length === 2)) return value;
    context.issues.push({ code: "custom", message: 'expected a list that begins with "CMD" or "CMD-SHELL" and the command', input: value });
    return z.NEVER;
  }),
);
