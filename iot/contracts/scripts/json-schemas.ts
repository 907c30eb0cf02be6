// Makes the JSON Schemas of the documents, as their writers see them: a field with a default may be
// left out. They are draft-07, since editors' YAML support knows it best. For a Score of a type
// that we ship, the variant's own schema completes `data`. Any other type is allowed, since a
// device may know more than we do.

import { podmanV0Schema } from "@harmony/podman";
import * as z from "zod/mini";
import { Deployment, Device, DeviceInventory, DeviceStatus, IOT_AGENT, Manifest, Score } from "../src/index.ts";

export type JsonSchema = { [key: string]: unknown };

const VARIANTS: Readonly<Record<string, z.core.$ZodType>> = { PodmanV0: podmanV0Schema(IOT_AGENT) };
const BASE = "https://iot.nationtech.io/schemas/v1alpha1";

export function jsonSchemas(): Record<string, JsonSchema> {
  return {
    deployment: named("deployment", schemaOf(Deployment)),
    device: named("device", schemaOf(Device)),
    score: named("score", schemaOf(Score)),
    manifest: named("manifest", schemaOf(Manifest)),
    status: named("status", schemaOf(DeviceStatus)),
    inventory: named("inventory", schemaOf(DeviceInventory)),
  };
}

function named(name: string, schema: JsonSchema): JsonSchema {
  return { $schema: "http://json-schema.org/draft-07/schema#", $id: `${BASE}/${name}.schema.json`, ...schema };
}

function schemaOf(document: z.core.$ZodType): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(document, {
    io: "input",
    target: "draft-7",
    override: ({ zodSchema, jsonSchema }) => {
      // The value that a reader puts in place of an unreadable one is never written.
      if (zodSchema._zod.def.type === "catch") delete jsonSchema.default;
      if (zodSchema === Score) jsonSchema.allOf = Object.entries(VARIANTS).map(([type, variant]) => whenOfType(type, variant));
    },
  });
  return schema;
}

function whenOfType(type: string, variant: z.core.$ZodType): z.core.JSONSchema.BaseSchema {
  const { $schema: _, ...data } = z.toJSONSchema(variant, { io: "input", target: "draft-7" });
  return { if: { properties: { type: { const: type } }, required: ["type"] }, then: { properties: { data } } };
}
