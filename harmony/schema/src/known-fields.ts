// The fields that a schema knows at a path of a document, so that an unknown one can be known from
// one that was misspelt.

import type { Issue } from "@harmony/core";
import {
  $ZodArray,
  $ZodDefault,
  $ZodNullable,
  $ZodObject,
  $ZodOptional,
  $ZodPipe,
  $ZodPrefault,
  $ZodRecord,
  type $ZodType,
  $ZodUnion,
} from "zod/v4/core";

/** Empty where any name is taken, or the path leads out of the schema. */
export function knownFields(schema: $ZodType, path: Issue["path"]): readonly string[] {
  const [step, ...rest] = path;
  if (schema instanceof $ZodUnion) return schema._zod.def.options.flatMap((option) => knownFields(option, path));
  if (schema instanceof $ZodPipe) return knownFields(schema._zod.def.in, path);
  const isWrapped = schema instanceof $ZodOptional || schema instanceof $ZodNullable;
  if (isWrapped || schema instanceof $ZodDefault || schema instanceof $ZodPrefault) return knownFields(schema._zod.def.innerType, path);
  if (schema instanceof $ZodObject) {
    const { shape } = schema._zod.def;
    if (step === undefined) return Object.keys(shape);
    const member = Object.hasOwn(shape, step) ? shape[String(step)] : undefined;
    return member === undefined ? [] : knownFields(member, rest);
  }
  if (step === undefined) return [];
  if (schema instanceof $ZodArray) return knownFields(schema._zod.def.element, rest);
  return schema instanceof $ZodRecord ? knownFields(schema._zod.def.valueType, rest) : [];
}
