// A Compose file's values, with its variables put in. A variable
// that the file gives no default is left as its bare name, which is seen and easily replaced, and
// is reported.

import { UserError } from "@harmony/runtime";
import type { YamlValue } from "@iot/workload-files";
import { type ComposeMap, isMap, type TakeNote } from "./notes.ts";

/** Each refused field of theirs has the whole judged again. */
const SERVICES_LIMIT = 200;

/** @throws UserError for what is no Compose file. */
export function readComposeFile(read: YamlValue, file: string, note: TakeNote): ComposeMap {
  if (!read.ok) throw new UserError(read.problem);
  const { value } = read;
  if (!isMap(value) || !isMap(value["services"])) throw new UserError(`${file} is no Compose file: it has no map "services"`);
  const services = Object.keys(value["services"]).length;
  if (services > SERVICES_LIMIT) throw new UserError(`${file} has ${services} services, more than ${SERVICES_LIMIT}: split it`);
  const interpolated = interpolate(value, "", note);
  return isMap(interpolated) ? interpolated : {};
}

function interpolate(value: unknown, path: string, note: TakeNote): unknown {
  if (typeof value === "string") return interpolateText(value, path, note);
  if (Array.isArray(value)) return value.map((one: unknown, index) => interpolate(one, `${path}[${index}]`, note));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, interpolate(member, path === "" ? key : `${path}.${key}`, note)]),
  );
}

const VARIABLE = /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}]|\$\{(?:[^{}]|\$\{[^{}]*\})*\})*))?\})/g;

function interpolateText(text: string, path: string, note: TakeNote): string {
  return text.replaceAll(
    VARIABLE,
    (whole, bare: string | undefined, braced: string | undefined, operator: string | undefined, word = "") => {
      if (whole === "$$") return "$";
      const name = bare ?? braced ?? "";
      if (operator === "-" || operator === ":-") {
        // Which may be a variable in its turn.
        const value = interpolateText(String(word), path, note);
        note(path, `the variable ${name} is taken as its default, ${JSON.stringify(value)}: a Score has no variables`);
        return value;
      }
      note(path, `the variable ${name} is not known: put its value here (where it is a secret of the environment, {secret: NAME})`);
      return name;
    },
  );
}
