// A Compose file's values, with its variables put in. A variable whose value is not known is left
// as its bare name, which is seen and easily replaced, and is reported; one that is a secret by its
// name is never written, also where its value is known.

import { UserError } from "@harmony/runtime";
import { AS_WRITTEN, readAsKubectl, type YamlValue } from "@iot/workload-files";
import { type ComposeMap, isMap, type TakeNote } from "./notes.ts";
import { isSecretByName, replaceVariables, valueOfVariable } from "./variables.ts";

/** Each refused field of theirs has the whole judged again. */
const SERVICES_LIMIT = 200;

/** Before the name of a secret that stands for the whole value of a variable of a service. */
export const SECRET_MARK = "\uE001";

interface Reading {
  /** Of `.env`. */
  readonly known: ReadonlyMap<string, string>;
  readonly note: TakeNote;
}

/** @throws UserError for what is no Compose file. */
export function readComposeFile(read: YamlValue, file: string, reading: Reading): ComposeMap {
  if (!read.ok) throw new UserError(read.problem);
  const { value } = read;
  if (!isMap(value) || !isMap(value["services"])) throw new UserError(`${file} is no Compose file: it has no map "services"`);
  const services = Object.keys(value["services"]).length;
  if (services > SERVICES_LIMIT) throw new UserError(`${file} has ${services} services, more than ${SERVICES_LIMIT}: split it`);
  const interpolated = interpolate(value, "", reading);
  return isMap(interpolated) ? interpolated : {};
}

function interpolate(value: unknown, path: string, reading: Reading): unknown {
  if (typeof value === "string") return textAt(value, path, reading);
  if (Array.isArray(value)) return value.map((one: unknown, index) => interpolate(one, `${path}[${index}]`, reading));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, interpolate(member, path === "" ? key : `${path}.${key}`, reading)]),
  );
}

function textAt(text: string, path: string, reading: Reading): string {
  if (text.startsWith(AS_WRITTEN)) return asWritten(text.slice(AS_WRITTEN.length), path, reading.note);
  const { before = "", name, operator = "" } = SECRET_ALONE.exec(text)?.groups ?? {};
  const isDefault = operator.endsWith("-") && !reading.known.has(name ?? "");
  const key = before === "" ? (path.split(".").at(-1) ?? "") : before.slice(0, -1);
  if (name === undefined || isDefault || !IN_ENVIRONMENT.test(path) || ![name, key].some(isSecretByName)) {
    return interpolateText(text, path, reading);
  }
  reading.note(
    path,
    `${name} is a secret by its name, so its value is not written here: put it on each device as /etc/iot-agent/secrets/${name}`,
  );
  return `${before}${SECRET_MARK}${name}`;
}

const IN_ENVIRONMENT = /^services\.[^.]+\.environment[.[]/;
const SECRET_ALONE = /^(?<before>[^=$\s]+=)?\$\{?(?<name>[A-Za-z]\w{0,62})(?:(?<operator>:?[-?])[^{}$]*)?\}?$/;

/** Where what a program gets is text. */
const IN_TEXT = /^services\.[^.]+\.(?:environment|command|entrypoint|healthcheck\.test|sysctls|user)\b/;

/**
 * A number stays as it is written, in a text; where Compose would write it anew, that is reported.
 */
function asWritten(text: string, path: string, note: TakeNote): string {
  const read = readAsKubectl(text);
  if (IN_TEXT.test(path) && "value" in read) {
    note(
      path,
      `stays as it is written, ${JSON.stringify(text)}, where Compose makes ${read.value} of it: write the one that the program expects`,
    );
  }
  return text;
}

function interpolateText(text: string, path: string, reading: Reading): string {
  const { known, note } = reading;
  return replaceVariables(text, (variable) => {
    const { name, operator } = variable;
    const isKept = known.has(name) && isSecretByName(name);
    const value = isKept ? null : valueOfVariable(variable, known);
    if (isKept) {
      const secret = `put it on each device as /etc/iot-agent/secrets/${name}, and have the program read it from there`;
      note(path, `the variable ${name} is a secret by its name, so its value in .env is not written here: ${secret}`);
      return name;
    }
    if (value === null && name === "PWD") {
      note(path, "the variable PWD is taken as the folder of this file: a Score has no variables");
      return ".";
    }
    if (value === null) {
      note(path, `the variable ${name} is not known: put its value here (where it is a secret of the environment, {secret: NAME})`);
      return name;
    }
    // Which may be a variable in its turn.
    const found = operator.endsWith("-") || operator.endsWith("+") ? interpolateText(value, path, reading) : value;
    const source = known.has(name) ? "as .env has it" : operator.endsWith("+") ? "as not set" : "as its default";
    note(path, `the variable ${name} is taken ${source}, ${JSON.stringify(found)}: a Score has no variables`);
    return found;
  });
}
