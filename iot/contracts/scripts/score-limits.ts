// Makes the table of a Score's limits in docs/podman-v0.md, between its two marks.

import { SCORE_LIMITS } from "@harmony/podman";

const BEGINS = "<!-- limits -->\n";
const ENDS = "<!-- /limits -->\n";

export function withScoreLimits(document: string): string {
  const [before, rest] = document.split(BEGINS);
  const after = rest?.split(ENDS)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/podman-v0.md lacks the marks ${BEGINS.trim()} and ${ENDS.trim()}`);
  const rows = Object.values(SCORE_LIMITS).map(({ most, of }) => `| ${most.toLocaleString("en")} | ${of} |`);
  return [before, BEGINS, "\n", ["| at most | of |", "|---:|---|", ...rows].join("\n"), "\n\n", ENDS, after].join("");
}
