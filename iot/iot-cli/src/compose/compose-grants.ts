// A service's use of the secrets and configs that the file declares: a secret is a file of the
// device, a config a file of the Score.

import { posix } from "node:path";
import { lookUp } from "@harmony/schema";
import { type ComposeMap, isMap, mapOf, type TakeNote, textOf } from "./notes.ts";
import type { ReadBeside } from "./beside.ts";
import { whyNotWithin } from "./why-not.ts";

export interface GrantContext {
  /** The whole file. */
  readonly compose: ComposeMap;
  readonly readBeside: ReadBeside;
  readonly note: TakeNote;
}

export interface GivenFile {
  path: string;
  content: string;
  mode?: string;
}

export function addSecret(secret: unknown, path: string, { compose, note }: GrantContext): { name: string; path?: string }[] {
  const { source, target, others } = grant(secret);
  if (source === "") {
    note(path, "names no secret: it is not taken over; write its name");
    return [];
  }
  for (const key of others) note(`${path}.${key}`, whyNotWithin(key, path));
  const declared = mapOf(lookUp(mapOf(compose["secrets"]), source));
  const from = textOf(declared["file"]) ?? textOf(declared["environment"]);
  note(path, `its value${from === null ? "" : ` (${from})`} has to be on each device: put it there as /etc/iot-agent/secrets/${source}`);
  const mounted = target === "" ? `/run/secrets/${source}` : posix.resolve("/run/secrets", target);
  return [mounted === `/run/secrets/${source}` ? { name: source } : { name: source, path: mounted }];
}

export function addConfig(config: unknown, path: string, { compose, readBeside, note }: GrantContext): GivenFile[] {
  const { source, target, mode, others } = grant(config);
  const declared = mapOf(lookUp(mapOf(compose["configs"]), source));
  const file = textOf(declared["file"]);
  const beside = file === null ? null : readBeside(file);
  const content = textOf(declared["content"]) ?? (beside?.kind === "text" ? beside.text : null);
  if (content === null) {
    note(path, `the content of config ${source} is not known: write it into files of the service`);
    return [];
  }
  for (const key of others.filter((one) => one !== "mode")) note(`${path}.${key}`, whyNotWithin(key, path));
  if (mode === "odd") note(`${path}.mode`, `is of a form that is not known: write it in octal, "0444"`);
  if (mode === "decimal") {
    note(
      `${path}.mode`,
      `${textOf(mapOf(config)["mode"]) ?? ""} has no 0 in front, so Compose takes it as a decimal number: write it in octal, "0444"`,
    );
  }
  return [
    {
      path: target === "" ? `/${source}` : posix.resolve("/", target),
      content,
      ...(typeof mode === "object" && mode !== null ? { mode: mode.octal } : {}),
    },
  ];
}

type Mode = { readonly octal: string } | "odd" | "decimal";

interface Grant {
  readonly source: string;
  readonly target: string;
  readonly mode: Mode | null;
  readonly others: readonly string[];
}

function grant(value: unknown): Grant {
  if (!isMap(value)) return { source: textOf(value) ?? "", target: "", mode: null, others: [] };
  const others = Object.keys(value).filter((key) => key !== "source" && key !== "target");
  return { source: textOf(value["source"]) ?? "", target: textOf(value["target"]) ?? "", mode: modeOf(value["mode"]), others };
}

/** `0440` and "0440" are octal to Compose, and so is "440"; 440 is decimal. */
function modeOf(value: unknown): Mode | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number") return "decimal";
  const [, bits] = /^(?:0o?)?0*([0-7]{3})$/.exec(textOf(value) ?? "") ?? [];
  return bits === undefined ? "odd" : { octal: `0${bits}` };
}
