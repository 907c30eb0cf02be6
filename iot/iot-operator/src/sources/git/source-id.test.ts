import { expect, test } from "vitest";
import { gitSourceId } from "./source-id.ts";

const id = (url: string, more: { branch?: string; path?: string } = {}): string =>
  gitSourceId({ url, branch: "main", path: "", ...more }).id;

test.each([
  "git@host:acme/w",
  "git@host:acme/w.git",
  "deploy@HOST:/acme/w.git",
  "https://host/acme/w",
  "https://host/acme/w.git",
  "https://host/acme/w.git/",
  "https://Host:443/acme//w",
  "http://host:80/acme/w",
  "ssh://git@host/acme/w.git",
  "ssh://git@host:22/acme/w",
])("%s is one source", (url) => {
  expect(id(url)).toBe("git:host/acme/w#main");
});

test.each([
  ["https://host:8443/acme/w", "git:host:8443/acme/w#main"],
  ["https://host/Acme/w", "git:host/Acme/w#main"],
  ["https://host/acme/w.git.git", "git:host/acme/w.git#main"],
  ["file:///srv/w.git", "git:/srv/w#main"],
  ["file:///srv/with%20space.git", "git:/srv/with space#main"],
])("%s is another", (url, expected) => {
  expect(id(url)).toBe(expected);
});

test("branch and folder distinguish sources", () => {
  expect(id("git@host:acme/w", { branch: "release", path: "site/a" })).toBe("git:host/acme/w#release:site/a");
});

test.each([
  ["git@host:acme/w.git", ["git:host:acme/w#main"]],
  ["https://host/acme/w.git", ["git:host:acme/w#main"]],
  ["ssh://git@host:22/acme/w", ["git:host:22/acme/w#main", "git:host:acme/w#main"]],
  ["file:///srv/w.git", []],
])("what v0.1.0 wrote for %s is its own", (url, formerIds) => {
  expect(gitSourceId({ url, branch: "main", path: "" }).formerIds).toEqual(formerIds);
});
