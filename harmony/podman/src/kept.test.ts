// Names, labels, requests and files are those of v0.1.0, byte for byte: one changed label makes
// every container anew on an upgrade. The body of a create is that of v0.1.0 with the defaults of
// today (ADR 35); its fields may come in another order.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { FIXTURE, whatIsWritten, type Written } from "../test/kept/what-is-written.ts";
import { withDefaults } from "./model/container-defaults.ts";

const CREATE = "POST /v4.0.0/libpod/containers/create";

test("what is written to Podman and to the disk is what v0.1.0 wrote", async () => {
  const { requests, files } = await whatIsWritten();
  const before: Written = JSON.parse(await readFile(FIXTURE, "utf8"));
  expect(files).toEqual(before.files);
  expect(requests.map(({ request, body }) => (request === CREATE ? { request, made: JSON.parse(body) } : { request, body }))).toEqual(
    before.requests.map(({ request, body }) =>
      request === CREATE ? { request, made: withDefaults(JSON.parse(body), ["cpu", "memory", "pids"]) } : { request, body },
    ),
  );
});
