// The modules that the device's entry point carries into a bundle.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

test("the device's entry point carries no JetStream and no KV library", async () => {
  const entry = fileURLToPath(new URL("device.ts", import.meta.url));
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.filter((input) => /@nats-io\/(jetstream|kv)\b/.test(input))).toEqual([]);
  expect(inputs.some((input) => input.includes("@nats-io/transport-node"))).toBe(true);
});
