// What keeps a document small whatever it is made of: depth, number of aliases, and its length with
// every alias written out, so that a file of a few lines cannot fill the operator's memory. One
// walk, in time linear in the file; it comes before anything that follows aliases.

import { isAlias, isMap, isScalar, isSeq, type Document, type Node } from "yaml";
import type { PlacedIssue } from "./placed-issue.ts";

/** Deeper than any Score, and far from the end of the stack. */
const DEPTH_LIMIT = 100;
/** The library looks for each alias's anchor among all of them. */
export const ALIASES_LIMIT: number = 1_000;
/** Characters with aliases written out: eight times the largest Score. */
const EXPANDED_LIMIT = 1024 * 1024;

export function documentLimits(document: Document.Parsed): PlacedIssue[] {
  const issues: PlacedIssue[] = [];
  const anchors = new Map<string, Node>();
  /** Expanded length; absent while its inside is being walked. */
  const lengths = new Map<Node, number>();
  let aliases = 0;

  const say = (node: Node, path: PlacedIssue["path"], message: string): number => {
    issues.push({ path, message, offset: node.range?.[0] ?? document.range[0] });
    return 0;
  };
  const total = walk(document.contents, [], 0);
  if (aliases > ALIASES_LIMIT) {
    issues.push({ path: [], offset: document.range[0], message: `has ${aliases} aliases (*name): at most ${ALIASES_LIMIT} are followed` });
  }
  if (total > EXPANDED_LIMIT) {
    const message = `aliases (*name) would make it larger than ${EXPANDED_LIMIT / 1024} KiB: write it out, and shorter`;
    issues.push({ path: [], offset: document.contents?.range[0] ?? document.range[0], message });
  }
  return issues;

  function walk(node: Node | null, path: PlacedIssue["path"], depth: number): number {
    if (node === null) return 1;
    if (depth > DEPTH_LIMIT) return say(node, path.slice(0, 5), `is nested deeper than ${DEPTH_LIMIT}`);
    if (isAlias(node)) {
      aliases += 1;
      const target = anchors.get(node.source);
      if (target === undefined) return say(node, path, `the alias *${node.source} has no anchor &${node.source} before it`);
      return lengths.get(target) ?? say(node, path, `the anchor &${node.source} contains itself`);
    }
    if ("anchor" in node && node.anchor !== undefined) anchors.set(node.anchor, node);
    const length = 2 + inside(node, path, depth + 1);
    lengths.set(node, length);
    return length;
  }

  function inside(node: Node, path: PlacedIssue["path"], depth: number): number {
    if (isSeq<Node | null>(node)) {
      return node.items.reduce((sum, item, index) => sum + walk(item, [...path, index], depth), 0);
    }
    if (isMap<Node | null, Node | null>(node)) {
      return node.items.reduce((sum, { key, value }) => {
        const name = isScalar(key) ? String(key.value) : "?";
        return sum + walk(key, path, depth) + walk(value, [...path, name], depth);
      }, 0);
    }
    const [start = 0, end = 0] = node.range ?? [];
    return end - start;
  }
}
