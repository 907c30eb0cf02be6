import { expect, test } from "vitest";
import { nearName } from "./near-name.ts";

const KNOWN = ["image", "ports", "env", "user", "stopTimeoutSeconds", "readOnly", "PodmanV0", "restart", "on"];

test.each([
  ["port", "ports"],
  ["Ports", "ports"],
  ["prots", "ports"],
  ["imgae", "image"],
  ["read_only", "readOnly"],
  ["readonly", "readOnly"],
  ["stopTimeoutSecond", "stopTimeoutSeconds"],
  ["podmanV0", "PodmanV0"],
  ["podman-v0", "PodmanV0"],
  ["ENV", "env"],
  ["envs", "env"],
  ["restrat", "restart"],
  ["ports", null],
  ["colour", null],
  ["o", null],
  ["", null],
  ["x".repeat(100_000), null],
])("%.20s: %s", (written, meant) => {
  expect(nearName(written, KNOWN)).toBe(meant);
});
