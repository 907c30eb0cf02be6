// A document that is meant for us and says so with a typo: in `kind`, in `apiVersion`, in the
// group, in the name of a field. Taken for somebody else's it would be passed over in silence, and
// what it describes would not run. Pure.

import { API_GROUP, API_VERSION, DEPLOYMENT_KIND } from "@iot/contracts";
import { lettersApart } from "@harmony/schema";
import { type Document, isMap, isScalar, type Node } from "yaml";

/** At most two letters wrong, missing or too many: `Deployement`, `iot.nationtech.oi`. */
const TYPOS = 2;

export interface Heading {
  readonly kind: string;
  readonly apiVersion: string;
}

/** `kind` and `apiVersion` as they are written; empty where there is none, or none that is text. */
export function headingOf(document: Document.Parsed): Heading {
  const text = (key: string): string => {
    const value = document.get(key);
    return typeof value === "string" ? value : "";
  };
  return { kind: text("kind"), apiVersion: text("apiVersion") };
}

export function isMeantForUs(document: Document.Parsed): boolean {
  const { contents } = document;
  if (!isMap(contents)) return false;
  const { kind, apiVersion } = headingOf(document);
  const group = apiVersion.split("/")[0]?.toLowerCase() ?? "";
  if (group === API_GROUP || isNear(group, API_GROUP)) return true;
  // The text ends in the middle of the line.
  if (kind === "" && apiVersion.length > 1 && API_VERSION.startsWith(apiVersion)) return true;
  const fields = fieldsOfSpec(document);
  if (fields.has("targetdevices") && fields.has("score")) return true;
  return (fields.has("targetdevices") || fields.has("score")) && (kind === "" || isNear(kind, DEPLOYMENT_KIND) || kind === DEPLOYMENT_KIND);
}

/**
 * In small letters, of `spec` however it is spelt; where there is no `spec`, of the document
 * itself.
 */
function fieldsOfSpec({ contents }: Document.Parsed): ReadonlySet<string> {
  const keysOf = (node: unknown): [string, unknown][] =>
    isMap<Node, Node | null>(node)
      ? node.items.flatMap(({ key, value }) => (isScalar(key) ? [[String(key.value).toLowerCase(), value]] : []))
      : [];
  const top = keysOf(contents);
  const spec = top.find(([name]) => name === "spec" || isNear(name, "spec", 1));
  return new Set((spec === undefined ? top : keysOf(spec[1])).map(([name]) => name));
}

/** Not equal, and few letters apart. */
function isNear(written: string, meant: string, typos = TYPOS): boolean {
  return written !== meant && Math.abs(written.length - meant.length) <= typos && lettersApart(written, meant) <= typos;
}
