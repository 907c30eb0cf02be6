// What a deployment says while it waits for a port that another one has, and which stage acts.

import { expect, test } from "vitest";
import { container, desired, type Have, NOW_MS, proved, snapshot, trial, version } from "../../test/scene.ts";
import { plan } from "./planner.ts";
import type { Neighbour } from "../model/neighbour.ts";
import { NOTHING_RECORDED, type SwapRecord } from "../model/swap-record.ts";

const at = (image: string, port: number) => ({ services: [{ name: "web", image, ports: [`${port}:80`] }] });
const [own1, own2] = [at("x:1", 8080), at("x:2", 8081)];
const [other1, other2] = [at("y:1", 8081), at("y:2", 8080)];

function neighbour(data: unknown, record: Partial<SwapRecord> = {}, trouble: string | null = null): Neighbour {
  return { desired: desired(data, { name: "other" }), record: { ...NOTHING_RECORDED, good: version(other1), ...record }, trouble };
}

function planned(more: Have, want: unknown = own2) {
  const containers = [container("web", own1), container("web", other1, { deployment: "other" })];
  return plan(desired(want), snapshot({ ...proved(own1), images: ["x:1", "x:2"], containers, ...more }));
}

const inUse = `host port 8081/tcp of service "web" is in use by deployment "other"`;
const verdict = { of: version(other2, "2"), at: new Date(NOW_MS).toISOString(), reason: "Exited", message: "" };
const setback = { service: "web", reason: "PortInUse", why: "", at: new Date(NOW_MS).toISOString(), count: 1 };

test.each([
  ["nobody knows", [], `${inUse}: give one of the two another port, or remove the other`],
  ["it keeps it", [neighbour(other1)], `${inUse}: give one of the two another port, or remove the other`],
  ["it gives it up", [neighbour(at("y:2", 9000))], `${inUse}, which gives it up with its new version: this one takes it then`],
  [
    "it gives it up, and cannot yet",
    [neighbour(at("y:2", 9000), {}, "image y:2 does not exist")],
    `${inUse}, which gives it up with its new version: this one takes it then; that one waits: image y:2 does not exist`,
  ],
  ["it is being removed", [neighbour(null)], `${inUse}, which is being removed: this one takes it then`],
  [
    "it went back to it",
    [neighbour(other2, { verdict })],
    `${inUse}, whose new version has failed and which went back: correct that version, or give one of the two another port, or remove the other`,
  ],
  [
    "it serves with it until its next try",
    [neighbour(other2, { trial: trial(other2, { setback, isAside: true }) })],
    `${inUse}, whose new version could not be started and is tried again: see that one, or give one of the two another port, or remove the other`,
  ],
])("another has the port, and %s", (_what, neighbours, message) => {
  const { steps, blocked } = planned({ neighbours });
  expect(steps).toEqual([]);
  expect(blocked).toEqual([{ subject: "web", reason: "PortInUse", message }]);
});

test("a port that the last version of another had is left to it until the new one has proved itself", () => {
  const neighbours = [neighbour(at("y:2", 9000), { trial: trial(at("y:2", 9000)) })];
  const moved = container("web", at("y:2", 9000), { deployment: "other" });
  const { blocked } = planned({ neighbours, containers: [container("web", own1), moved] });
  expect(blocked[0]?.message).toBe(
    `host port 8081/tcp of service "web" is kept for deployment "other", whose last version has it, until its new version has proved itself: this one takes it then`,
  );
  expect(planned({ neighbours: [neighbour(at("y:2", 9000))], containers: [container("web", own1), moved] }).blocked).toEqual([]);
});

test.each<[what: string, record: Partial<SwapRecord>, theirs: Partial<SwapRecord>, acted: readonly string[]]>([
  ["it makes itself ready first", {}, {}, ["make-ready"]],
  ["it waits until the other is ready", { exchange: ready(own2) }, {}, ["serve-meanwhile"]],
  ["when both are, it releases its port", { exchange: ready(own2) }, { exchange: ready(other2) }, ["release-ports"]],
])("two that exchange their ports: %s", (_what, record, theirs, acted) => {
  const own = { ...proved(own1).record, ...record };
  const aside = record.exchange === undefined ? own : { ...own, trial: trial(own2, { isAside: true }) };
  const next = record.exchange === undefined ? [] : [container("web", own2, { name: "app_web.next", state: "created", startedAtMs: null })];
  const containers = [container("web", own1), ...next, container("web", other1, { deployment: "other" })];
  const { stages } = planned({ record: aside, neighbours: [neighbour(other2, theirs)], containers });
  expect(stages.filter(({ outcome }) => outcome === "acted").map(({ name }) => name)).toEqual(acted);
});

function ready(to: unknown): SwapRecord["exchange"] {
  return { to: version(to).scoreString, with: ["app", "other"], passed: false };
}

test("something else in the way of one that was ready: it takes that back", () => {
  const want = { services: [{ ...own2.services[0], devices: ["/dev/ttyUSB0"] }] };
  const record = { ...proved(own1).record, exchange: ready(want), trial: trial(want, { isAside: true }) };
  const { steps } = planned({ record, neighbours: [neighbour(other2, { exchange: ready(other2) })] }, want);
  expect(steps).toMatchObject([{ kind: "journal", why: "something keeps it from exchanging its ports" }]);
  expect(steps[0]?.kind === "journal" ? steps[0].record?.exchange : null).toBeUndefined();
});
