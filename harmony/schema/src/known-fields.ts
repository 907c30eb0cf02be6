// The fields that a schema knows at a path of a document, so that an unknown one can be told from
// one that was misspelt.

import type * as z from "zod/mini";
import type { Issue } from "@harmony/core";

/** Empty where any name is taken, or the path leads out of the schema. */
export function knownFields(schema: z.core.$ZodType, path: Issue["path"]): readonly string[] {
  const [step, ...rest] = path;
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "object": {
      if (step === undefined) return Object.keys(def.shape);
      const member = Object.hasOwn(def.shape, step) ? def.shape[String(step)] : undefined;
      return member === undefined ? [] : knownFields(member, rest);
    }
    case "array":
      return step === undefined ? [] : knownFields(def.element, rest);
    case "record":
      return step === undefined ? [] : knownFields(def.valueType, rest);
    case "union":
      return def.options.flatMap((option) => knownFields(option, path));
    case "pipe":
      return knownFields(def.in, path);
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
      return knownFields(def.innerType, path);
    default:
      return [];
  }
}
