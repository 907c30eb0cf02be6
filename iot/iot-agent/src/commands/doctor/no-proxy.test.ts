// The answers are those that Go's net/http gave.

import { expect, test } from "vitest";
import { isExempt } from "./no-proxy.ts";

test.each([
  ["registry.plant", "", false],
  ["registry.plant", "*", true],
  ["registry.plant", "ghcr.io, registry.plant", true],
  ["registry.plant", " REGISTRY.Plant ", true],
  ["Registry.plant:5000", "registry.plant", true],
  // A bare name covers the names below it, one with a dot only those.
  ["a.registry.plant", "registry.plant", true],
  ["a.registry.plant", ".registry.plant", true],
  ["a.registry.plant", "*.registry.plant", true],
  ["registry.plant", ".registry.plant", false],
  ["registry.plant", "*.registry.plant", false],
  ["myregistry.plant", "registry.plant", false],
  ["registry.plant", "plant", true],
  ["registry.plant", "registry", false],
  ["registry.plant", "*registry.plant", false],
  // A port.
  ["registry.plant:5000", "registry.plant:5000", true],
  ["registry.plant:5001", "registry.plant:5000", false],
  ["registry.plant", "registry.plant:443", true],
  ["registry.plant:443", "registry.plant:443", true],
  ["registry.plant", "registry.plant:80", false],
  ["registry.plant", "registry.plant:", true],
  ["a.registry.plant:5000", ".registry.plant:5000", true],
  ["registry.plant:5000", ":5000", false],
  // Addresses and networks.
  ["10.1.2.3:5000", "10.1.2.3", true],
  ["10.1.2.3:5000", "10.1.2.3:5000", true],
  ["10.1.2.3", "10.1.2.3:5000", false],
  ["10.1.2.3", "10.0.0.0/8", true],
  ["10.1.2.3:5000", "10.9.9.9/8", true],
  ["11.1.2.3", "10.0.0.0/8", false],
  ["10.1.2.3", "10.0.0.0/99", false],
  ["10.1.2.3", "::/0", false],
  ["10.1.2.3", "2.3", false],
  ["registry.plant", "10.0.0.0/8", false],
  ["registry.plant", "registry.plant/8", false],
  ["[fd00::1]:5000", "fd00::1", true],
  ["[fd00::1]:5000", "[fd00:0::1]:5000", true],
  ["[fd00::1]", "[fd00::1]", false],
  ["[fd00::1]", "[fd00::1]:5000", false],
  ["[fd00::1]:5000", "fd00::/8", true],
  // This machine.
  ["localhost:5000", "", true],
  ["127.0.0.2:5000", "", true],
  ["[::1]:5000", "", true],
  ["registry.localhost", "", false],
  // Nothing that could be asked.
  ["registry.plant:port", "*", false],
])("%s with NO_PROXY=%j: %s", (authority, noProxy, exempt) => {
  expect(isExempt(authority, noProxy)).toBe(exempt);
});
