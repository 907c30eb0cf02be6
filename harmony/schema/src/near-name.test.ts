import { expect, test } from "vitest";
import { nearName, shortenedName } from "./near-name.ts";

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

test.each([
  ["img", "image"],
  ["Img", "image"],
  ["prt", "ports"],
  ["rst", "restart"],
  ["ge", null],
  ["mge", null],
  ["restarts", null],
])("%s shortens %s", (written, meant) => {
  expect(shortenedName(written, KNOWN)).toBe(meant);
});
