// The JSON Schemas of the documents, from the side of who writes them: what has a default need not
// be there. draft-07, since that is what editors' YAML support knows best. Of a Score of a type
// that we ship, the variant's own schema completes `data`; any other type stands, since a device
// may know more than we do.

import { podmanV0Schema } from "@harmony/podman";
import * as z from "zod/mini";
import { Deployment, DeviceInventory, DeviceStatus, IOT_AGENT, Manifest, Score } from "../src/index.ts";

export type JsonSchema = { [key: string]: unknown };

const VARIANTS: Readonly<Record<string, z.core.$ZodType>> = { PodmanV0: podmanV0Schema(IOT_AGENT) };
const BASE = "https://iot.nationtech.io/schemas/v1alpha1";

export function jsonSchemas(): Record<string, JsonSchema> {
  return {
    deployment: named("deployment", schemaOf(Deployment)),
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
      // What a reader makes of a value that it cannot read is nothing that is written.
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
