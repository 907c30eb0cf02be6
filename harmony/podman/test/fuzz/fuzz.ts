// Tries many documents, made from Scores at the limits and from small ones that use every field.

import { randomOf } from "@iot/testkit";
import { EVERY_FIELD } from "../every-field.ts";
import { LARGE } from "./largest.ts";
import { judge } from "./judge.ts";
import { mutate } from "./mutate.ts";

/** One document may take so much of the CPU; what is not linear takes minutes. */
const MOST_MS = 5_000;
/** One of so many documents is made from a large one, which costs as much as all of the others. */
const LARGE_ONE_IN = 64;
/**
 * Changes that multiply make what no border hands on: etcd takes 1.5 MiB, a YAML file gives less.
 */
const MOST_CHARACTERS = 1.5 * 1024 * 1024;

const SMALL: readonly unknown[] = [
  EVERY_FIELD,
  { services: [{ name: "loose", image: "quay.io/acme/loose", ports: ["[::1]:81:81"], tmpfs: ["/t:suid,dev"], noNewPrivileges: false }] },
];

export interface Found {
  readonly seed: number;
  readonly what: string;
  readonly document: unknown;
}

/** Stops at the first that does not hold. `seed`: of the first; each next one has the next. */
export function fuzz({ seed, count, untilMs }: { readonly seed: number; readonly count: number; readonly untilMs: number }) {
  const large = Object.values(LARGE).map((make) => make(1));
  let accepted = 0;
  let tried = 0;
  let slowestMs = 0;
  for (; tried < count && performance.now() < untilMs; tried += 1) {
    const random = randomOf(seed + tried);
    const seeds = random(LARGE_ONE_IN) === 0 ? large : SMALL;
    const document = mutate(seeds[random(seeds.length)], random);
    if (!isHandedOn(document)) continue;
    const begun = process.cpuUsage();
    const { accepted: isAccepted, wrong } = judgeSafely(document);
    const { user, system } = process.cpuUsage(begun);
    const tookMs = (user + system) / 1_000;
    slowestMs = Math.max(slowestMs, tookMs);
    accepted += isAccepted ? 1 : 0;
    const what = wrong ?? (tookMs > MOST_MS ? `it takes ${Math.round(tookMs)} ms` : null);
    if (what !== null) return { tried: tried + 1, accepted, slowestMs, found: { seed: seed + tried, what, document } satisfies Found };
  }
  return { tried, accepted, slowestMs, found: null };
}

/** Looks no further than the limit: parts that are shared count each time. */
function isHandedOn(document: unknown): boolean {
  const pending: unknown[] = [document];
  let characters = 0;
  while (pending.length > 0) {
    const value = pending.pop();
    characters += typeof value === "string" ? value.length + 2 : 2;
    if (characters > MOST_CHARACTERS) return false;
    if (typeof value === "object" && value !== null) for (const entry of Object.entries<unknown>({ ...value })) pending.push(...entry);
  }
  return true;
}

function judgeSafely(document: unknown): ReturnType<typeof judge> {
  try {
    return judge(document);
  } catch (error) {
    return { accepted: true, wrong: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
