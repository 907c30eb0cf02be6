// Counts the circles among imports, type-only ones too: of files, and of rooms (the folders of a
// package's sources). One circle fails. A circle means that neither side can be read, tested or
// moved without the other.

import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { dirname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Each strongly connected part of more than one node (Tarjan), its nodes sorted. */
export function circlesOf(graph: Graph): string[][] {
  const indexes = new Map<string, number>();
  const lows = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string): number => {
    const index = indexes.size;
    indexes.set(node, index);
    stack.push(node);
    let low = index;
    for (const next of graph.get(node) ?? []) {
      if (!indexes.has(next)) low = Math.min(low, visit(next));
      else if (stack.includes(next)) low = Math.min(low, indexes.get(next) ?? low);
    }
    lows.set(node, low);
    if (low === index) {
      const circle = stack.splice(stack.indexOf(node));
      if (circle.length > 1) circles.push(circle.toSorted());
    }
    return low;
  };
  for (const node of graph.keys()) if (!indexes.has(node)) visit(node);
  return circles;
}

/** The relative imports and exports of a source file, as paths from the same root as `file`. */
export function importsOf(file: string, source: string): string[] {
  const from = /^(?:import|export)\b[^;]*?from "(\.[^"]+)";|\bimport\("(\.[^"]+)"\)/gm;
  return [...source.matchAll(from)].map(([, named, dynamic]) => normalize(join(dirname(file), named ?? dynamic ?? "")));
}

/** The graph of rooms: an arrow for each import from one folder into another. */
export function roomsOf(files: Graph): Graph {
  const rooms = new Map<string, Set<string>>();
  for (const [file, imported] of files) {
    const room = rooms.get(dirname(file)) ?? new Set();
    rooms.set(dirname(file), room);
    for (const other of imported) if (dirname(other) !== dirname(file)) room.add(dirname(other));
  }
  return rooms;
}

function main(): void {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.ts"], { cwd: root });
  const sources = listed
    .toString()
    .split("\0")
    .filter((file) => file !== "" && !/(?:^|\/)test\/|\.test(?:-d)?\.ts$/.test(file));
  const files = new Map(sources.map((file) => [file, new Set(importsOf(file, readFileSync(resolve(root, file), "utf8")))]));
  const rooms = roomsOf(files);
  const found = [...circlesOf(files), ...circlesOf(rooms)];
  for (const circle of found) process.stdout.write(`circle: ${circle.join(" <-> ")}\n`);
  process.stdout.write(`${files.size} files, ${rooms.size} rooms, ${found.length} circles\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}

if (import.meta.main) main();
