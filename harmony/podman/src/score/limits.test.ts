// Each limit of the table is held: one more is refused with the path and the limit. A label with
// more is still read. Texts that no device can use are refused with their path.

import { formatIssues } from "@harmony/core";
import { describe, expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { SCORE_LIMITS } from "./limits.ts";
import { podmanV0Parser } from "./parse-podman-v0.ts";
import { scoreOfLabel } from "./score-label.ts";

const parse = podmanV0Parser(APPLICATION);
const web = { name: "web", image: "nginx" };
const many = <Each>(count: number, each: (index: number) => Each): Each[] => Array.from({ length: count }, (_, index) => each(index));
const ofService = (field: object) => ({ services: [{ ...web, ...field }] });

function complaint(data: unknown): string {
  const parsed = parse(data);
  return parsed.ok ? "none" : formatIssues(parsed.issues);
}

/** A document with so many of it, and the path at which too many are reported. */
const AT: Readonly<Record<keyof typeof SCORE_LIMITS, readonly [path: string, make: (count: number) => unknown]>> = {
  services: ["services", (count) => ({ services: many(count, (index) => ({ name: `s${index}`, image: "x" })) })],
  ports: ["services[0].ports", (count) => ofService({ ports: many(count, (index) => `${index + 1}:80`) })],
  env: ["services[0].env", (count) => ofService({ env: Object.fromEntries(many(count, (index) => [`V${index}`, ""])) })],
  volumes: ["services[0].volumes", (count) => ofService({ volumes: many(count, (index) => `v${index}:/v${index}`) })],
  tmpfs: ["services[0].tmpfs", (count) => ofService({ tmpfs: many(count, (index) => `/t${index}`) })],
  files: ["services[0].files", (count) => ofService({ files: many(count, (index) => ({ path: `/f${index}`, content: "" })) })],
  secrets: ["services[0].secrets", (count) => ofService({ secrets: many(count, (index) => ({ name: `s${index}` })) })],
  devices: ["services[0].devices", (count) => ofService({ devices: many(count, (index) => `/dev/d${index}`) })],
  extraHosts: ["services[0].extraHosts", (count) => ofService({ extraHosts: many(count, (index) => `h${index}:10.0.0.1`) })],
  dns: ["services[0].dns", (count) => ofService({ dns: many(count, (index) => `10.0.0.${index + 1}`) })],
  aliases: ["services[0].aliases", (count) => ofService({ aliases: many(count, (index) => `a${index}`) })],
  sysctls: ["services[0].sysctls", (count) => ofService({ sysctls: Object.fromEntries(many(count, (index) => [`net.a${index}`, "1"])) })],
  groups: ["services[0].groupAdd", (count) => ofService({ groupAdd: many(count, (index) => `${index}`) })],
  capabilities: ["services[0].capDrop", (count) => ofService({ capDrop: many(count, () => "CHOWN") })],
  words: ["services[0].command", (count) => ofService({ command: many(count, () => "x") })],
  textCharacters: ["services[0].env.A", (count) => ofService({ env: { A: "x".repeat(count) } })],
  contentCharacters: ["services[0].files[0].content", (count) => ofService({ files: [{ path: "/f", content: "x".repeat(count) }] })],
  pathCharacters: ["services[0].workingDir", (count) => ofService({ workingDir: `/${"x".repeat(count - 1)}` })],
  nameCharacters: ["services[0].user", (count) => ofService({ user: "x".repeat(count) })],
  imageCharacters: ["services[0].image", (count) => ofService({ image: "x".repeat(count) })],
  stopTimeoutSeconds: ["services[0].stopTimeoutSeconds", (count) => ofService({ stopTimeoutSeconds: count })],
  healthcheckHours: ["services[0].healthcheck.interval", (count) => ofService({ healthcheck: { test: "x", interval: `${count}h` } })],
  busyHours: ["services[0].busy.atMost", (count) => ofService({ busy: { atMost: `${count}h` } })],
  retries: ["services[0].healthcheck.retries", (count) => ofService({ healthcheck: { test: "x", retries: count } })],
  gibibytes: ["services[0].resources.memory", (count) => ofService({ resources: { memory: `${count}Gi` } })],
  pids: ["services[0].resources.pids", (count) => ofService({ resources: { pids: count } })],
};

/** These bound what no device could have made. */
const OF_LINUX: readonly string[] = ["pathCharacters", "nameCharacters", "imageCharacters"];

const cases = Object.entries(SCORE_LIMITS).map(([name, { most }]) => {
  const [path, make] = Object.entries(AT).find(([key]) => key === name)?.[1] ?? ["", () => null];
  return { name, most, path, make };
});

test.each(cases)("$name: as many are taken, and one more is refused with the path and the limit", ({ most, path, make }) => {
  expect(complaint(make(most))).toBe("none");
  const refused = complaint(make(most + 1));
  expect(refused.slice(0, path.length + 2)).toBe(`${path}: `);
  expect(refused).toContain(String(most));
});

test.each(cases.filter(({ name }) => !OF_LINUX.includes(name)))("$name: a container that was made with more is still read", (one) => {
  expect(scoreOfLabel(JSON.stringify({ type: "PodmanV0", data: one.make(one.most + 1) }))).not.toBeNull();
});

const CONTROL = "has a line break, a NUL or another control character, which no path or name may have";
const NUL = "has a NUL, which no program can be given";

test.each<readonly [field: object, says: string]>([
  [{ volumes: ["data:/a\nb"] }, `volumes[0]: ${CONTROL}`],
  [{ volumes: ["/srv/\0:/a"] }, `volumes[0]: ${CONTROL}`],
  [{ tmpfs: ["/t\r"] }, `tmpfs[0]: ${CONTROL}`],
  [{ devices: ["/dev/\0"] }, `devices[0]: ${CONTROL}`],
  [{ files: [{ path: "/a\nb", content: "" }] }, `files[0].path: ${CONTROL}`],
  [{ secrets: [{ name: "a", path: "/a\0" }] }, `secrets[0].path: ${CONTROL}`],
  [{ workingDir: "/a\u0085" }, `workingDir: ${CONTROL}`],
  [{ user: "a\nb" }, `user: ${CONTROL}`],
  [{ env: { "A\0": "" } }, "env.A: expected a name without = and white space"],
  [{ env: { "A\n": "" } }, "env.A: expected a name without = and white space"],
  [{ env: { A: "a\0b" } }, `env.A: ${NUL}`],
  [{ command: ["a", "b\0"] }, `command[1]: ${NUL}`],
  [{ entrypoint: ["\0"] }, `entrypoint[0]: ${NUL}`],
  [{ healthcheck: { test: "a\0" } }, `healthcheck.test[1]: ${NUL}`],
  [{ ports: ["[::1::2]:80:80"] }, 'ports[0]: expected "[ip:]host:container[/udp]"'],
])("%j is refused", (field, says) => {
  const [path = "", sentence = ""] = says.split(/: (.*)/);
  expect(complaint(ofService(field)).startsWith(`services[0].${path}`)).toBe(true);
  expect(complaint(ofService(field))).toContain(`: ${sentence}`);
});

test("a variable's value and a file may have line breaks, and a command may", () => {
  const text = "a\r\nb\tc";
  expect(complaint(ofService({ env: { A: text }, command: [text], files: [{ path: "/f", content: text }] }))).toBe("none");
});

test("a variable that objects do not take as a name is refused, and others that they have are taken", () => {
  expect(complaint(JSON.parse('{"services":[{"name":"web","image":"x","env":{"__proto__":"1"}}]}'))).toBe(
    "services[0].env.__proto__: is a name that is not taken: give the variable another",
  );
  const env = { constructor: "1", toString: "2", hasOwnProperty: "3" };
  expect(parse({ services: [{ ...web, name: "constructor", env }] })).toMatchObject({ ok: true, value: { services: [{ env }] } });
});

describe("an image", () => {
  test.each(["nginx", "docker:24-dind", "oci/thing:1", "localhost:5000/a/b:1", "ghcr.io/a/b@sha256:" + "0".repeat(64), "dir"])(
    "%s is taken",
    (image) => {
      expect(complaint(ofService({ image }))).toBe("none");
    },
  );

  test.each([
    "dir:/srv/image",
    "dir:latest",
    "oci:/srv/image:tag",
    "oci-archive:/a.tar",
    "docker-archive:/a.tar",
    "docker-daemon:nginx:latest",
    "containers-storage:nginx",
    "ostree:a",
    "sif:/a",
    "tarball:/a",
    "DIR:/a",
  ])("%s is no name in a registry", (image) => {
    expect(complaint(ofService({ image }))).toMatch(
      /^services\[0\]\.image: names what \S+: reads on the device itself, and a device takes images from a registry alone/,
    );
  });

  test.each([
    ["docker://nginx", /leave that out/],
    ["https://docker.io/nginx", /leave that out/],
    ["new:/a", /expected an image/],
    ["a//b", /expected an image/],
  ])("%s is refused", (image, says) => {
    expect(complaint(ofService({ image }))).toMatch(says);
  });
});
