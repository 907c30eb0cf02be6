// The variables of a service: its `environment`, over those of its `env_file`s.

import { IOT_AGENT } from "@iot/contracts";
import type { ReadBeside } from "./beside.ts";
import { SECRET_MARK } from "./compose-file.ts";
import { type ComposeMap, isMap, listOf, type TakeNote, textOf, truthOf } from "./notes.ts";
import { isSecretByName, readEnvFile } from "./variables.ts";

const SECRETS = IOT_AGENT.secretsFolder;

/** A switch or a number, whatever it is called. */
const NO_SECRET = /^(?:true|false|yes|no|on|off|\d{1,3})?$/i;

export interface EnvironmentContext {
  /** The path of the service, for notes. */
  readonly at: string;
  readonly readBeside: ReadBeside;
  readonly note: TakeNote;
}

type Env = Record<string, string | { readonly secret: string }>;

export function environmentOf(compose: ComposeMap, context: EnvironmentContext): Env {
  const { at, note } = context;
  const environment = compose["environment"];
  const entries: readonly (readonly [string, unknown, string])[] = isMap(environment)
    ? Object.entries(environment).map(([name, value]) => [name, value, `.${name}`] as const)
    : listOf(environment).flatMap((line, index): (readonly [string, unknown, string])[] => {
        if (isMap(line)) return Object.entries(line).map(([name, value]) => [name, value, `[${index}].${name}`] as const);
        const [, name = "", value] = /^([^=]*)(?:=([\s\S]*))?$/.exec(textOf(line) ?? "") ?? [];
        return [[name, value, name === "" ? `[${index}]` : `.${name}`] as const];
      });
  const own = entries.flatMap(([name, value, key]): [string, Env[string]][] => {
    const text = textOf(value);
    if (text !== null && name !== "") return [[name, text.startsWith(SECRET_MARK) ? { secret: text.slice(SECRET_MARK.length) } : text]];
    note(
      `${at}.environment${key}`,
      name === ""
        ? "has no name: it is not taken over; write NAME=value"
        : "has no value, which Compose takes from the shell: write it, or {secret: NAME}, or {device: labels.NAME}",
    );
    return [];
  });
  const files = listOf(isMap(compose["env_file"]) ? [compose["env_file"]] : compose["env_file"]);
  const ofFiles = files.flatMap((file, index) => Object.entries(fileOf(file, `${at}.env_file[${index}]`, context)));
  return Object.fromEntries([...ofFiles, ...own]);
}

function fileOf(file: unknown, path: string, { readBeside, note }: EnvironmentContext): Env {
  const name = textOf(isMap(file) ? file["path"] : file);
  if (name === null) {
    note(path, "names no file: it is not taken over; write its variables into env");
    return {};
  }
  const found = readBeside(name);
  if (found.kind !== "text") {
    const isNeeded = !isMap(file) || truthOf(file["required"]) !== false;
    const why = found.kind === "none" ? "is not there" : "is no text of at most 64 KiB";
    const cure = isNeeded
      ? "write its variables into env, and what is secret as {secret: NAME}"
      : "write its variables into env if you have them";
    note(path, `${name} ${why}: ${cure}`);
    return {};
  }
  const { variables, unset, odd } = readEnvFile(found.text);
  for (const each of unset) note(path, `${each} of ${name} has no value, which Compose takes from the shell: write it into env`);
  for (const line of odd) note(path, `line ${line} of ${name} is of no form that is known: write what it says into env`);
  const secrets = [...variables].flatMap(([key, value]) => (isSecretByName(key) && !NO_SECRET.test(value) ? [key] : []));
  for (const secret of secrets) {
    note(
      path,
      `${secret} of ${name} is a secret by its name, so its value is not written here: put it on each device as ${SECRETS}/${secret}`,
    );
  }
  if (variables.size > secrets.length) note(path, `the variables of ${name} stand in env now: change them here from now on`);
  return Object.fromEntries([...variables].map(([key, value]) => [key, secrets.includes(key) ? { secret: key } : value]));
}
