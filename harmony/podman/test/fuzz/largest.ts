// The largest Scores that are accepted, one for each way of being large: many services, many ports
// of them, one service at all of its limits, long texts. `share` of 1 fills the 128 KiB of a Score,
// or the limit; less of it makes one that is as much smaller.

import { canonicalJson } from "@harmony/schema";
import { SCORE_LIMITS } from "../../src/score/limits.ts";

/** What the contract lets a Score have, with its type around it. */
const SCORE_BYTES = 128 * 1024 - 64;
const SERVICES = SCORE_LIMITS.services.most;

type Make = (index: number) => object;

const spread = (count: number, make: Make): unknown => {
  const services = Math.min(SERVICES, Math.max(1, count));
  return {
    services: Array.from({ length: services }, (_, at) => {
      const own = Array.from({ length: Math.ceil((count - at) / services) }, (__, index) => make(index * services + at));
      return { name: `s${at}`, image: "x:1", ...merged(own) };
    }),
  };
};

/** Lists of all are put after each other, and maps together. */
function merged(parts: readonly object[]): object {
  const lists = new Map<string, unknown[]>();
  const maps = new Map<string, [string, unknown][]>();
  for (const [field, value] of parts.flatMap((part) => Object.entries(part))) {
    if (Array.isArray(value)) lists.set(field, [...(lists.get(field) ?? []), ...value]);
    else maps.set(field, [...(maps.get(field) ?? []), ...Object.entries(value)]);
  }
  return { ...Object.fromEntries(lists), ...Object.fromEntries([...maps].map(([field, entries]) => [field, Object.fromEntries(entries)])) };
}

const address = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

const KINDS: Readonly<Record<string, Make>> = {
  "ports of 64 services": (index) => ({ ports: [`${index + 1}:1`] }),
  "addresses of one port": (index) => ({ ports: [`${address(index)}:80:1`] }),
  variables: (index) => ({ env: { [`V${index}`]: "" } }),
  "secrets in the environment": (index) => ({ env: { [`V${index}`]: { secret: `s${index}` } } }),
  "secrets as files": (index) => ({ secrets: [{ name: `s${index}` }] }),
  "labels of the device": (index) => ({ env: { [`V${index}`]: { device: `labels.l${index}` } } }),
  volumes: (index) => ({ volumes: [`v${index}:/v${index}`] }),
  "host paths": (index) => ({ volumes: [`/a/${index}:/v${index}`] }),
  devices: (index) => ({ devices: [`/dev/d${index}`] }),
  files: (index) => ({ files: [{ content: "x", path: `/f${index}` }] }),
  "words of commands": () => ({ command: ["'"] }),
  capabilities: () => ({ capDrop: ["KILL"] }),
};

const TEXTS: Readonly<Record<string, (length: number) => unknown>> = {
  "quotes in a command line": (length) => ({ services: [{ name: "s", image: "x:1", command: "''".repeat(length / 2) }] }),
  "a deep host path": (length) => ({
    services: Array.from({ length: 31 }, (_, index) => ({
      name: `s${index}`,
      image: "x:1",
      volumes: [`${"/a".repeat(Math.floor(Math.min(length / 31, SCORE_LIMITS.pathCharacters.most - 2) / 2) - 20)}:/v`],
    })),
  }),
  "the text of a file": (length) => ({ services: [{ name: "s", image: "x:1", files: [{ path: "/f", content: "x".repeat(length) }] }] }),
};

/** The kinds of large Scores, by name. */
export const LARGE: Readonly<Record<string, (share: number) => unknown>> = {
  ...Object.fromEntries(Object.entries(KINDS).map(([name, make]) => [name, (share: number) => spread(largestOf(make) * share, make)])),
  ...Object.fromEntries(
    Object.entries(TEXTS).map(([name, make]) => [name, (share: number) => make(Math.floor((SCORE_BYTES - 2_500) * share))]),
  ),
};

const LIMIT_OF: Readonly<Record<string, number>> = {
  ports: SCORE_LIMITS.ports.most,
  env: SCORE_LIMITS.env.most,
  secrets: SCORE_LIMITS.secrets.most,
  volumes: SCORE_LIMITS.volumes.most,
  devices: SCORE_LIMITS.devices.most,
  files: SCORE_LIMITS.files.most,
  command: SCORE_LIMITS.words.most,
  capDrop: SCORE_LIMITS.capabilities.most,
};

/** As many as the limit of each service and the bytes of a Score allow. */
function largestOf(make: Make): number {
  const [field = ""] = Object.keys(make(0));
  const byLimit = (LIMIT_OF[field] ?? 0) * SERVICES;
  const fits = (count: number): boolean => canonicalJson(spread(count, make)).length <= SCORE_BYTES;
  let [low, high] = [1, byLimit];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
