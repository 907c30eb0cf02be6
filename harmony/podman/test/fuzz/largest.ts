// The largest Scores that are accepted, one for each way of being large: many services, many ports
// of them, one service at all of its limits, long texts. `share` of 1 fills the 128 KiB of a Score,
// or the limit; less of it makes one that is as much smaller.

import { canonicalJson } from "@harmony/schema";
import { SCORE_LIMITS } from "../../src/score/limits.ts";

/** What the contract lets a Score have, with its type around it. */
const SCORE_BYTES = 128 * 1024 - 64;
const SERVICES = SCORE_LIMITS.services.most;

/** What the services have much of; a variable is called by its place. */
interface Kind {
  readonly field: "ports" | "env" | "secrets" | "volumes" | "devices" | "files" | "command" | "capDrop";
  readonly entry: (index: number) => unknown;
}

/** So many entries, over as many services as there may be. */
function spread(count: number, { field, entry }: Kind): unknown {
  const services = Math.min(SERVICES, Math.max(1, count));
  return {
    services: Array.from({ length: services }, (_, at) => {
      const places = Array.from({ length: Math.ceil((count - at) / services) }, (__, index) => index * services + at);
      const own = field === "env" ? Object.fromEntries(places.map((place) => [`V${place}`, entry(place)])) : places.map(entry);
      return { name: `s${at}`, image: "x:1", [field]: own };
    }),
  };
}

const address = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

const KINDS: Readonly<Record<string, Kind>> = {
  "ports of 64 services": { field: "ports", entry: (index) => `${index + 1}:1` },
  "addresses of one port": { field: "ports", entry: (index) => `${address(index)}:80:1` },
  variables: { field: "env", entry: () => "" },
  "secrets in the environment": { field: "env", entry: (index) => ({ secret: `s${index}` }) },
  "labels of the device": { field: "env", entry: (index) => ({ device: `labels.l${index}` }) },
  "secrets as files": { field: "secrets", entry: (index) => ({ name: `s${index}` }) },
  volumes: { field: "volumes", entry: (index) => `v${index}:/v${index}` },
  "host paths": { field: "volumes", entry: (index) => `/a/${index}:/v${index}` },
  devices: { field: "devices", entry: (index) => `/dev/d${index}` },
  files: { field: "files", entry: (index) => ({ content: "x", path: `/f${index}` }) },
  "words of commands": { field: "command", entry: () => "'" },
  capabilities: { field: "capDrop", entry: () => "KILL" },
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
  ...Object.fromEntries(
    Object.entries(KINDS).map(([name, kind]) => [name, (share: number) => spread(Math.round(largestOf(kind) * share), kind)]),
  ),
  ...Object.fromEntries(
    Object.entries(TEXTS).map(([name, make]) => [name, (share: number) => make(Math.floor((SCORE_BYTES - 2_500) * share))]),
  ),
};

const MOST: Readonly<Record<Kind["field"], number>> = {
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
function largestOf(kind: Kind): number {
  let [low, high] = [1, MOST[kind.field] * SERVICES];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (canonicalJson(spread(middle, kind)).length <= SCORE_BYTES) low = middle;
    else high = middle - 1;
  }
  return low;
}
