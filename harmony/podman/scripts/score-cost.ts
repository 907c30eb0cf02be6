// Measures what the largest accepted Scores cost (`npm run score-cost`), as rows of docs/limits.md:
// the text is parsed, checked against schema and policy, and planned for a device that has none of
// it. A quarter and a half of each show that the cost grows with the size.

import { canonicalJson } from "@harmony/schema";
import { APPLICATION } from "../test/application.ts";
import { worldFor } from "../test/fuzz/judge.ts";
import { LARGE } from "../test/fuzz/largest.ts";
import { CLOSED } from "../test/scene.ts";
import { plan } from "../src/plan/planner.ts";
import { podmanV0Parser } from "../src/score/parse-podman-v0.ts";
import { denied } from "../src/score/policy.ts";

const ROUNDS = 9;
const parse = podmanV0Parser(APPLICATION);

interface Cost {
  readonly parseMs: number;
  readonly checkMs: number;
  readonly planMs: number;
  readonly megabytes: number;
}

function costOf(text: string): Cost {
  const heapBefore = process.memoryUsage().heapUsed;
  const [document, parseMs] = timed((): unknown => JSON.parse(text));
  const [score, checkMs] = timed(() => {
    const parsed = parse(document);
    if (!parsed.ok) throw new Error(`it is refused: ${JSON.stringify(parsed.issues.slice(0, 2))}`);
    denied({ ...CLOSED, hostPaths: ["/srv/**", "/mnt/*/x:ro"] }, parsed.value, APPLICATION.program);
    return parsed.value;
  });
  const world = worldFor(score);
  const desired = { name: "app", revision: "1", scoreString: text, data: score, hold: null };
  const [, planMs] = timed(() => plan(desired, world));
  return { parseMs, checkMs, planMs, megabytes: (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20 };
}

function timed<Result>(act: () => Result): [Result, number] {
  const begun = process.cpuUsage();
  const result = act();
  const { user, system } = process.cpuUsage(begun);
  return [result, (user + system) / 1_000];
}

/** The median of each; the most of the memory. */
function costs(text: string): Cost {
  const rounds = Array.from({ length: ROUNDS }, () => costOf(text));
  const median = (of: (cost: Cost) => number): number => rounds.map(of).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
  return {
    parseMs: median(({ parseMs }) => parseMs),
    checkMs: median(({ checkMs }) => checkMs),
    planMs: median(({ planMs }) => planMs),
    megabytes: Math.max(...rounds.map(({ megabytes }) => megabytes)),
  };
}

console.log("| largest Score | KiB | parse | check | plan | MB | a quarter, a half and all of it: parse, check and plan |");
console.log("|---|---:|---:|---:|---:|---:|---|");
for (const [name, make] of Object.entries(LARGE)) {
  const texts = [0.25, 0.5, 1].map((share) => canonicalJson(make(share)));
  const [quarter, half, all] = texts.map(costs);
  if (quarter === undefined || half === undefined || all === undefined) throw new Error("there are three");
  const whole = (cost: Cost): string => (cost.parseMs + cost.checkMs + cost.planMs).toFixed(0);
  const cells = [(texts[2]?.length ?? 0) / 1024, all.parseMs, all.checkMs, all.planMs, all.megabytes].map((value) => value.toFixed(0));
  const [kib, parseMs, checkMs, planMs, megabytes] = cells;
  console.log(
    `| ${name} | ${kib} | ${parseMs} ms | ${checkMs} ms | ${planMs} ms | ${megabytes} | ${whole(quarter)}, ${whole(half)}, ${whole(all)} ms |`,
  );
}
