import { visibleText } from "@harmony/core";

/**
 * Renders left-aligned columns under their titles, a line each, without sequences that a terminal
 * would obey; no line ends in spaces.
 */
export function renderTable(titles: readonly string[], cells: readonly (readonly string[])[]): string[] {
  const rows = cells.map((row) => row.map(visibleText));
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [titles, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
