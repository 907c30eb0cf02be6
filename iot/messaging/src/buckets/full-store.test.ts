import { expect, test } from "vitest";
import { whyFull } from "./full-store.ts";

test.each([
  [10_023, "insufficient resources", "raise max_file_store under jetstream"],
  [10_047, "insufficient storage resources available", "raise max_file_store under jetstream"],
  [10_002, "resource limits exceeded for account", "raise max_file under jetstream of the account"],
  [10_077, "maximum bytes exceeded", "nats stream edit KV_status --max-bytes=-1"],
  [10_077, "maximum messages exceeded", "--max-msgs=-1"],
  [10_077, "write /data/1.blk: no space left on device", "the disk of the NATS server is full"],
])("%i, %s: the limit by name, and its cure", (code, description, says) => {
  expect(whyFull("KV_status", code, description)).toContain(says);
});

test("another refusal is none of a full store", () => {
  expect(whyFull("KV_status", 10_077, "maximum messages per subject exceeded")).toBeNull();
  expect(whyFull("KV_status", 10_060, "expected stream does not match")).toBeNull();
});
