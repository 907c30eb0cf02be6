// Names, labels, requests and files are those of v0.1.0, byte for byte: one changed label makes
// every container anew on an upgrade. The body of a create is that of v0.1.0 with the defaults of
// today (ADR 35); its fields may come in another order.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { FIXTURE, whatIsWritten } from "../test/kept/what-is-written.ts";
import { withDefaults } from "./model/container-defaults.ts";

const Written = z.object({
  requests: z.array(z.object({ request: z.string(), body: z.string() })),
  files: z.record(z.string(), z.unknown()),
});
const Mount = z.strictObject({
  type: z.enum(["bind", "tmpfs"]),
  source: z.string(),
  destination: z.string(),
  options: z.array(z.string()),
});
const Spec = z.looseObject({
  image: z.string(),
  volumes: z.array(z.looseObject({ Name: z.string(), Dest: z.string(), Options: z.array(z.string()) })),
  mounts: z.array(Mount),
  resource_limits: z.optional(z.looseObject({ pids: z.optional(z.strictObject({ limit: z.number() })) })),
  no_new_privileges: z.optional(z.boolean()),
});

/** Parses the body of a create, and leaves each other request as it is. */
function asked({ request, body }: { readonly request: string; readonly body: string }, addDefaults: boolean): object {
  if (!request.endsWith("/containers/create")) return { request, body };
  const { resource_limits, no_new_privileges, ...rest } = z.parse(Spec, JSON.parse(body));
  const spec = { ...rest, resource_limits, no_new_privileges };
  return { request, spec: addDefaults ? withDefaults(spec, ["cpu", "memory", "pids"]) : spec };
}

test("what is written to Podman and to the disk is what v0.1.0 wrote", async () => {
  const { requests, files } = await whatIsWritten();
  const before = z.parse(Written, JSON.parse(await readFile(FIXTURE, "utf8")));
  expect(files).toEqual(before.files);
  expect(requests.map((each) => asked(each, false))).toEqual(before.requests.map((each) => asked(each, true)));
});
