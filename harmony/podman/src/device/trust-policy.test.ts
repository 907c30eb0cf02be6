import { expect, test } from "vitest";
import { ruleFor } from "./trust-policy.ts";

const rule = (type: string) => [{ type, keyPath: undefined }];
const policy = {
  default: rule("reject"),
  transports: {
    docker: {
      "registry.plant:5000/acme/web:2": rule("exact"),
      "registry.plant:5000/acme/web": rule("repository"),
      "registry.plant:5000/acme": rule("namespace"),
      "registry.plant:5000": rule("host"),
      "*.example.org": rule("wildcard"),
      "": rule("any"),
    },
  },
};

test.each([
  ["registry.plant:5000/acme/web:2", "exact"],
  ["registry.plant:5000/acme/web:3", "repository"],
  ["registry.plant:5000/acme/web@sha256:00", "repository"],
  ["registry.plant:5000/acme/db:1", "namespace"],
  ["registry.plant:5000/other:1", "host"],
  ["ghcr.example.org/x:1", "wildcard"],
  ["docker.io/library/nginx:1", "any"],
])("%s falls under the rule for its narrowest scope, %s", (reference, type) => {
  expect(ruleFor(policy, reference).types).toBe(type);
});

test("where no scope fits, the default counts", () => {
  const found = ruleFor({ default: rule("reject"), transports: {} }, "docker.io/library/nginx:1");
  expect(found).toEqual({ scope: "all images (default)", types: "reject", keys: [] });
});
