import { expect, test } from "vitest";
import { container, NOW_MS } from "../../test/scene.ts";
import type { Container } from "../model/snapshot.ts";
import { PortWatch } from "./port-watch.ts";

const data = { services: [{ name: "web", image: "x:1", ports: ["8080:80", "53:53/udp"] }] };
const BOTH = ["tcp/8080", "udp/53"];

type Look = readonly [atS: number, open: readonly string[], more?: Partial<Container>];

const again = { startedAtMs: NOW_MS - 10 };
const anew = { createdAtMs: NOW_MS - 10 };

test.each<{ name: string; looks: readonly Look[]; last: boolean }>([
  {
    name: "all of its ports were served, and none is for 5 s",
    looks: [
      [0, BOTH],
      [30, []],
      [35, []],
    ],
    last: true,
  },
  {
    name: "not for less",
    looks: [
      [0, BOTH],
      [30, []],
      [34, []],
    ],
    last: false,
  },
  {
    name: "one of them still is",
    looks: [
      [0, BOTH],
      [30, ["udp/53"]],
      [60, ["udp/53"]],
    ],
    last: false,
  },
  {
    name: "one of them never was",
    looks: [
      [0, ["tcp/8080"]],
      [30, []],
      [60, []],
    ],
    last: true,
  },
  {
    name: "none of them ever was",
    looks: [
      [0, []],
      [30, []],
      [60, ["tcp/80"]],
    ],
    last: false,
  },
  {
    name: "they were served again meanwhile",
    looks: [
      [0, BOTH],
      [30, []],
      [60, BOTH],
      [90, []],
    ],
    last: false,
  },
  {
    name: "it was started again meanwhile",
    looks: [
      [0, BOTH],
      [30, []],
      [60, [], again],
      [90, [], again],
    ],
    last: false,
  },
  {
    name: "it was made anew meanwhile",
    looks: [
      [0, BOTH],
      [30, []],
      [60, [], anew],
      [90, [], anew],
    ],
    last: false,
  },
  {
    name: "it has ended",
    looks: [
      [0, BOTH],
      [30, []],
      [60, [], { state: "exited" }],
    ],
    last: false,
  },
  {
    name: "it is paused",
    looks: [
      [0, BOTH],
      [30, []],
      [60, [], { state: "paused" }],
    ],
    last: false,
  },
])("the network is lost: $name", ({ looks, last }) => {
  const watch = new PortWatch();
  const seen = looks.map(([atS, open, more]) => watch.hasLostNetwork(container("web", data, more), new Set(open), atS * 1_000));
  expect(seen).toEqual([...looks.slice(1).map(() => false), last]);
});
