// The causal chain of a revision on one device, from what its device and the server said of it: the
// server's stamps, and the device's monotonic clock. Pure.

import type { ToldTransition } from "@iot/messaging";

export interface Link {
  readonly step: "commit" | "resource" | "revision" | "received" | "read" | "pulled" | "created" | "started" | "healthy" | "trouble";
  /** What a person wants to know of it; empty: nothing. */
  readonly about: string;
  /** By the server's clock; of a commit by the clock of who committed. */
  readonly atMs: number;
  /** Since the link before it; the first has none. */
  readonly tookMs: number | null;
}

export interface Chain {
  readonly device: string;
  readonly deployment: string;
  readonly revision: number | null;
  readonly isHealthy: boolean;
  /** From the first link to the last. */
  readonly totalMs: number;
  readonly links: readonly Link[];
  readonly longest: Link | null;
}

/** Null: the device said nothing of how it came about. */
export function chainOf({ device, atMs, event }: ToldTransition): Chain | null {
  const { deployment, revision, reason, generation, commit, trace } = event;
  if (trace?.endedMs === undefined) return null;
  const { committedAt, observedAt, writtenAt, endedMs, readMs, pulledMs, createdMs, startedMs, healthyMs, bytesPulled } = trace;
  const beganMs = atMs - endedMs;
  const offset = (ms: number | undefined): number => (ms === undefined ? Number.NaN : beganMs + ms);
  const generationWords = generation === undefined ? "" : `generation ${generation}`;
  const all: readonly Omit<Link, "tookMs">[] = [
    { step: "commit", about: commit?.slice(0, 10) ?? "", atMs: Date.parse(committedAt ?? "") },
    // Of a repository the commit is the resource.
    { step: "resource", about: generationWords, atMs: committedAt === undefined ? Date.parse(observedAt ?? "") : Number.NaN },
    { step: "revision", about: revision === null ? "" : `${revision} written`, atMs: Date.parse(writtenAt ?? "") },
    { step: "received", about: `by ${device}`, atMs: beganMs },
    { step: "read", about: "", atMs: offset(readMs) },
    { step: "pulled", about: bytesPulled === undefined ? "" : megabytes(bytesPulled), atMs: offset(pulledMs) },
    { step: "created", about: "", atMs: offset(createdMs) },
    { step: "started", about: "", atMs: offset(startedMs) },
    { step: "healthy", about: "", atMs: offset(healthyMs) },
    { step: "trouble", about: reason, atMs: healthyMs === undefined ? atMs : Number.NaN },
  ];
  const known = all.filter((link) => !Number.isNaN(link.atMs));
  const links = known.map((link, index): Link => {
    const before = known[index - 1];
    return { ...link, tookMs: before === undefined ? null : link.atMs - before.atMs };
  });
  const [first] = links;
  const last = links.at(-1);
  return {
    device,
    deployment,
    revision,
    isHealthy: healthyMs !== undefined,
    links,
    totalMs: first === undefined || last === undefined ? 0 : last.atMs - first.atMs,
    longest: links.reduce<Link | null>((most, link) => ((link.tookMs ?? 0) > (most?.tookMs ?? 0) ? link : most), null),
  };
}

function megabytes(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 1 : 0)} MB`;
}

/** The newest of each device. */
export function newestOfEach(chains: readonly Chain[]): Chain[] {
  return [...new Map(chains.map((chain) => [chain.device, chain])).values()];
}

/** Of the numbers the one below which `part` of them are; not of none. */
export function percentile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? 0;
}
