import type { DeploymentRow } from "@iot/fleet";
import { expect, test } from "vitest";
import { findCommit, findImage, readImageQuery } from "./find-in-fleet.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;

function row(device: string, image: string, more: Partial<DeploymentRow> = {}): DeploymentRow {
  return {
    deployment: "hello",
    device,
    standing: "ok",
    phase: "Running",
    reason: "Running",
    message: "",
    since: null,
    sinceSeconds: null,
    offline: false,
    lastSeenSeconds: 1,
    desiredRevision: 7,
    runningRevision: 7,
    namespace: "default",
    source: "git:a",
    commit: "8f3c2ab0",
    services: [{ name: "web", phase: "Running", image, imageDigest: DIGEST }],
    ...more,
  };
}

const FLEET = [
  row("pi-1", "docker.io/library/nginx:1.29"),
  row("pi-2", "nginx:1.28", { offline: true }),
  row("pi-3", "registry.plant:5000/a/nginx:1.29"),
  row("pi-4", "docker.io/library/nginx:1.29", { services: [] }),
  row("pi-5", "docker.io/library/redis:8", { commit: "0000", runningRevision: 6 }),
];

test.each<[string, string[] | null]>([
  ["nginx", ["pi-1", "pi-2"]],
  ["docker.io/library/nginx:1.29", ["pi-1"]],
  ["registry.plant:5000/a/nginx", ["pi-3"]],
  [`nginx@${DIGEST}`, ["pi-1", "pi-2"]],
  [`nginx@sha256:${"0".repeat(64)}`, []],
  ["sha256:abababab", ["pi-1", "pi-2", "pi-3", "pi-5"]],
  ["sha256:ab", null],
  ["sha256:ABABABABAB", null],
  ["not an image", null],
  ["", null],
])("find image %s", (text, devices) => {
  const query = readImageQuery(text);
  expect(query === null ? null : findImage(FLEET, query).found.map(({ device }) => device)).toEqual(devices);
});

test("what is not known is counted: a device that had no room to say what runs", () => {
  const query = readImageQuery("nginx");
  expect(query === null ? null : findImage(FLEET, query).unknown).toBe(1);
});

test("find commit: what is to run of it, and whether it does", () => {
  expect(findCommit(FLEET, "0000").found).toMatchObject([{ device: "pi-5", commit: "0000", runs: false }]);
  expect(findCommit(FLEET, "8f3c").found.map(({ device, runs }) => [device, runs])).toEqual(
    ["pi-1", "pi-2", "pi-3", "pi-4"].map((device) => [device, true]),
  );
});
