// The work on images before anything else, and the obstacles that an image is to its service.

import { expect, test } from "vitest";
import { container, desired, inWords, snapshot } from "../../test/scene.ts";
import type { Incident } from "../model/image-facts.ts";
import { type ImageFacts, NO_IMAGE_FACTS } from "../model/image-facts.ts";
import { imageReference } from "../model/names.ts";
import { plan } from "./planner.ts";
import { report } from "../report/report.ts";
import { doing } from "../words/step-in-words.ts";
import type { Container } from "../model/snapshot.ts";

const score = { services: [{ name: "web", image: "x:2" }] };
const before = { services: [{ name: "web", image: "x:1" }] };
const MB = 1_000_000;

interface World extends Partial<ImageFacts> {
  readonly containers?: readonly Container[];
  readonly absent?: boolean;
}

function planned({ containers = [], absent = false, ...imageFacts }: World): { readonly steps: string[]; readonly blocked: string[] } {
  const images = absent ? { absent: ["x:2"], images: ["x:1"] } : { images: ["x:1", "x:2"] };
  const { steps, blocked } = plan(desired(score), snapshot({ ...images, containers, imageFacts: { ...NO_IMAGE_FACTS, ...imageFacts } }));
  return { steps: steps.map(inWords), blocked: blocked.map(({ reason, message }) => `${reason}: ${message}`) };
}

function incident(next: Incident["next"], of = "app_web"): Readonly<Record<string, Incident>> {
  return { web: { detail: "layer not known", container: of, next, tried: [], foundMs: 0 } };
}

function room(freeBytes: number, neededBytes = 200 * MB): ImageFacts["room"] {
  return { [imageReference("x:2")]: { freeBytes, neededBytes } };
}

const unused = [
  { id: "a", name: "a:1", sizeBytes: 60 * MB },
  { id: "b", name: "b:1", sizeBytes: 60 * MB },
  { id: "c", name: "c:1", sizeBytes: 60 * MB },
];
const down = { state: "exited", exitCode: 1 } as const;

test.each<readonly [string, World, readonly string[]]>([
  [
    "a damaged container is made again",
    { incidents: incident("recreate"), containers: [container("web", score, down)] },
    ["recreate app_web"],
  ],
  ["a damaged image is fetched again", { incidents: incident("refetch"), containers: [container("web", score, down)] }, ["refetch x:2"]],
  [
    "a program that cannot be executed makes its image suspect",
    { containers: [container("web", score, { ...down, lastLines: ["exec /bin/sh: Exec format error"] })] },
    ["verify x:2"],
  ],
  ["so does one that ends as a program cut short", { containers: [container("web", score, { ...down, exitCode: 139 })] }, ["verify x:2"]],
  [
    "an image that was read once is not suspect again",
    { containers: [container("web", score, { ...down, exitCode: 139 })], verified: ["id"] },
    ["start app_web"],
  ],
  ["where space is short, only so many images go as it takes", { absent: true, room: room(100 * MB), unused }, ["remove a:1 b:1"]],
  ["so it is where a container has met a full disk, though its image is there", { shortBytes: 64 * MB, unused }, ["remove a:1 b:1"]],
  [
    "also for one that is there and cannot be started",
    { shortBytes: 1, unused, containers: [container("web", score, { state: "created" })] },
    ["remove a:1"],
  ],
  ["where nothing can be removed, it is tried", { shortBytes: 64 * MB }, ["create app_web", "start app_web"]],
  ["where there is room, none goes", { absent: true, room: room(200 * MB), unused }, ["pull x:2", "create app_web", "start app_web"]],
])("%s", (_, world, steps) => {
  expect(planned(world)).toEqual({ steps, blocked: [] });
});

test("a service may be called as what every object inherits", () => {
  const data = { services: [{ name: "constructor", image: "x:2" }] };
  const seen = snapshot({ images: ["x:2"], containers: [container("constructor", data, { ...down, exitCode: 139 })] });
  expect(plan(desired(data), seen).steps.map(inWords)).toEqual(["verify x:2"]);
  const running = snapshot({ images: ["x:2"], containers: [container("constructor", data)] });
  const input = { desired: desired(data), snapshot: running, plan: plan(desired(data), running), outcomes: [], doing: null };
  expect(report(input)).toMatchObject({ phase: "Running", message: "running x:2" });
});

test("what the room is made for is said", () => {
  const steps = plan(desired(score), snapshot({ images: ["x:2"], imageFacts: { ...NO_IMAGE_FACTS, shortBytes: 1, unused } })).steps;
  expect(steps.map(doing)).toEqual([
    'removing image "a:1" (60 MB), which nothing uses, to make room for the containers of deployment "app"',
  ]);
});

test("a service that is there needs no room", () => {
  const { steps, blocked } = planned({ absent: true, room: room(90 * MB), containers: [container("web", score, { state: "created" })] });
  expect({ steps, blocked }).toEqual({ steps: ["start app_web"], blocked: [] });
});

test("a container that serves is not removed with the damaged image of the next", () => {
  const own = [container("web", before), container("web", score, { name: "app_web.next", state: "created" })];
  const imageFacts = { ...NO_IMAGE_FACTS, incidents: incident("refetch", "app_web.next") };
  const seen = snapshot({ images: ["x:1", "x:2"], containers: own, imageFacts });
  expect(plan(desired(score), seen).steps).toMatchObject([{ kind: "repairImage", containers: ["app_web.next"] }]);
});

test("too little room is said with its numbers, and what runs keeps running", () => {
  const { steps, blocked } = planned({ absent: true, room: room(90 * MB), containers: [container("web", before)] });
  expect(steps).toEqual([]);
  expect(blocked).toEqual([
    expect.stringContaining(
      'DiskFull: the device\'s disk has only 90 MB free, and pulling image "x:2" needs at least 200 MB: free some space',
    ),
  ]);
});

test("what no repair has helped says so, and nothing is tried until it may be again", () => {
  const { steps, blocked } = planned({ incidents: incident("exhausted"), containers: [container("web", score, down)] });
  expect(steps).toEqual([]);
  expect(blocked).toEqual([expect.stringContaining("ImageDamaged: ")]);
  expect(blocked[0]).toContain("iot-agent retry app");
});
