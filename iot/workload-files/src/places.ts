// Where each value of a document stands in its file: the value where it stands on the line of its
// key, else the key. As plain data, so that who asks later needs no second reading.

import type { Issue } from "@harmony/core";
import { type Document, isMap, isScalar, isSeq, type Node, type Pair } from "yaml";

export interface Place {
  /** From 1, as editors count. */
  readonly line: number;
  readonly column: number;
}

/** By path, in JSON. */
export type Places = ReadonlyMap<string, Place>;

/** Of a document within its limits (document-limits.ts); an alias is one value. */
export function placesOf({ contents, range }: Document.Parsed, place: (offset: number) => Place): Places {
  const places = new Map<string, Place>();
  const walk = (node: Node | null, path: Issue["path"], offset: number): void => {
    places.set(JSON.stringify(path), place(offset));
    if (isMap<Node, Node | null>(node)) {
      for (const pair of node.items) {
        if (isScalar(pair.key)) walk(pair.value, [...path, String(pair.key.value)], offsetOf(pair) ?? offset);
      }
    } else if (isSeq<Node | null>(node)) {
      node.items.forEach((item, index) => walk(item, [...path, index], item?.range?.[0] ?? offset));
    }
  };
  walk(contents, [], contents?.range[0] ?? range[0]);
  return places;
}

/** Where a path leads to nothing, the nearest above it. */
export function placeAt(places: Places, path: Issue["path"]): Place {
  const found = places.get(JSON.stringify(path));
  if (found !== undefined) return found;
  return path.length === 0 ? { line: 1, column: 1 } : placeAt(places, path.slice(0, -1));
}

/** The same of one path, in a document of any size. */
export function offsetAt(document: Document.Parsed, path: Issue["path"]): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? document.range[0];
  for (const step of path) {
    if (isMap<Node, Node | null>(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      node = pair.value;
      offset = offsetOf(pair) ?? offset;
    } else if (isSeq<Node>(node)) {
      const item: Node | undefined = node.items[Number(step)];
      if (item === undefined) break;
      node = item;
      offset = item.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

function offsetOf({ key, value }: Pair<Node, Node | null>): number | undefined {
  return isScalar(value) && value.source !== "" ? value.range?.[0] : key.range?.[0];
}
