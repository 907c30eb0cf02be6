// A list of devices that nobody has to approve, as a table of text: the first line names the
// columns serial and id, and each further column is a label. A line that is wrong is named before
// anything is written.

import { readFile } from "node:fs/promises";
import { formatIssues } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { parse } from "@harmony/schema";
import { SerialsRequest } from "@iot/identity";

type Rows = SerialsRequest["rows"];

/** @throws UserError */
export async function readSerials(path: string): Promise<Rows> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new UserError(`${path} cannot be read`, 1, { cause });
  });
  const read = parseSerials(text);
  if ("problem" in read) throw new UserError(`${path}:${read.problem}`);
  return read.rows;
}

/** `problem`: `7: what is wrong`, with the line. */
export function parseSerials(text: string): { readonly rows: Rows } | { readonly problem: string } {
  const [head = "", ...lines] = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const separator = head.includes(";") ? ";" : ",";
  const cellsOf = (line: string): string[] => line.split(separator).map((cell) => cell.trim());
  const columns = cellsOf(head);
  const [serialAt, idAt] = [columns.indexOf("serial"), columns.indexOf("id")];
  if (serialAt === -1 || idAt === -1) return { problem: "1: the first line names the columns: serial,id and one more for each label" };
  const rows: Rows[number][] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const problem = (what: string): { readonly problem: string } => ({ problem: `${index + 2}: ${what}` });
    if (line.includes('"')) return problem("it has a quotation mark: write the values as they are, without a comma in them");
    const cells = cellsOf(line);
    if (cells.length !== columns.length) return problem(`it has ${cells.length} values, and the first line names ${columns.length}`);
    const labels: Record<string, string> = {};
    for (const [at, name] of columns.entries()) {
      const value = cells[at] ?? "";
      if (at !== serialAt && at !== idAt && value !== "") labels[name] = value;
    }
    const row = { serial: cells[serialAt], device: cells[idAt], ...(Object.keys(labels).length === 0 ? {} : { labels }) };
    const parsed = parse(SerialsRequest, { rows: [row] });
    if (!parsed.ok) return problem(formatIssues(parsed.issues).replaceAll("rows[0].", ""));
    rows.push(...parsed.value.rows);
  }
  return { rows };
}
