// Every field that a device may write is in the list, and nothing else.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { INVENTORY_INFLUENCE, STATUS_INFLUENCE } from "./influence.ts";

interface Node {
  readonly properties?: Record<string, Node> | undefined;
  readonly additionalProperties?: Node | undefined;
  readonly items?: Node | undefined;
}

const Schema: z.ZodMiniType<Node> = z.lazy(() =>
  z.object({
    properties: z.optional(z.record(z.string(), Schema)),
    additionalProperties: z.catch(z.optional(Schema), undefined),
    items: z.optional(Schema),
  }),
);

function fieldsOf({ properties, additionalProperties, items }: Node, path = ""): string[] {
  const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (properties !== undefined) return Object.entries(properties).flatMap(([key, node]) => fieldsOf(node, at(key)));
  const each = additionalProperties ?? items;
  if (each === undefined) return [path];
  const isMapOfDocuments = additionalProperties?.properties !== undefined;
  return [...(isMapOfDocuments ? [at("*")] : []), ...fieldsOf(each, at("*"))];
}

test.each([
  ["status", STATUS_INFLUENCE],
  ["inventory", INVENTORY_INFLUENCE],
])("the list of what a device can influence has each field of its %s", async (name, influence) => {
  const text = await readFile(new URL(`../generated/${name}.schema.json`, import.meta.url), "utf8");
  expect(Object.keys(influence).toSorted()).toEqual(fieldsOf(z.parse(Schema, JSON.parse(text))).toSorted());
});
