// The reasons in docs/runbooks/reasons.md: what stands between backticks in the first column of its
// tables.

/** `sections`: those whose heading begins with one of these; absent: all. */
export function documentedReasons(markdown: string, sections: readonly string[] = [""]): string[] {
  const wanted = markdown
    .split(/^## /m)
    .slice(1)
    .filter((section) => sections.some((heading) => section.startsWith(heading)));
  const firstColumn = wanted.flatMap((section) => [...section.matchAll(/^\| ([^|]*`[^|]*) \|/gm)].map(([, cell = ""]) => cell));
  return [...new Set(firstColumn.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, reason = ""]) => reason)))];
}
