// Strategic patches of a kustomization that reach into a Score. Kustomize does not know how the
// lists of our kind are merged, so a patch that has `services` replaces them all: what it does not
// say again, such as an image, is gone. Held against `kubectl kustomize` by
// test/kustomize.int.test.ts.

import { dirname, join } from "node:path";
import type { WorkloadFile } from "@iot/workload-files";
import { type Document, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, parseDocument, type Node } from "yaml";
import type { Finding } from "./finding.ts";
import { isKustomization } from "./kustomize-warnings.ts";

export interface KustomizePatch {
  /** The patch's file; the kustomization's own where the patch stands in it. */
  readonly file: string;
  readonly findings: readonly Finding[];
}

const SERVICES = ["spec", "score", "data", "services"];

export function kustomizePatches(files: readonly WorkloadFile[]): KustomizePatch[] {
  const texts = new Map(files.map(({ path, content }) => [path, new TextDecoder().decode(content)]));
  return [...texts].filter(([path]) => isKustomization(path)).flatMap(([path, text]) => patchesOf(path, text, texts));
}

function patchesOf(kustomization: string, text: string, texts: ReadonlyMap<string, string>): KustomizePatch[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent", uniqueKeys: false });
  if (document.errors.length > 0) return [];
  return patchNodes(document).flatMap((node): KustomizePatch[] => {
    if (!isScalar(node) || typeof node.value !== "string") return [];
    const file = join(dirname(kustomization), node.value);
    const standing = texts.get(file);
    if (standing !== undefined) {
      const drops = dropsOf(standing);
      return drops === null ? [] : [{ file, findings: [aPatch(file, kustomization), ...drops.map((drop) => finding(file, drop))] }];
    }
    const { line, col } = lines.linePos(node.range?.[0] ?? 0);
    const findings = (dropsOf(node.value) ?? []).map((drop) => finding(kustomization, { ...drop, line, column: col }));
    return findings.length === 0 ? [] : [{ file: kustomization, findings }];
  });
}

/**
 * Values of `patches[].path`, `patches[].patch` and `patchesStrategicMerge[]`: a file's name, or a
 * patch as text.
 */
function patchNodes(document: Document.Parsed): unknown[] {
  const itemsOf = (key: string): unknown[] => {
    const list: unknown = document.get(key);
    return isSeq(list) ? list.items : [];
  };
  const members = itemsOf("patches").flatMap((item) =>
    isMap<Node, Node | null>(item) ? [item.get("path", true), item.get("patch", true)] : [],
  );
  return [...members, ...itemsOf("patchesStrategicMerge")];
}

interface Drop {
  readonly service: string;
  readonly line: number;
  readonly column: number;
}

/** Services without an image in a strategic patch; null: it is none that reaches into a Score. */
function dropsOf(text: string): Drop[] | null {
  const lines = new LineCounter();
  const documents = [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent", uniqueKeys: false })];
  const patching = documents.filter(({ errors, contents }) => errors.length === 0 && isMap(contents) && contents.has("spec"));
  if (patching.length === 0) return null;
  return patching.flatMap((document): Drop[] => {
    const services: unknown = document.getIn(SERVICES);
    if (!isSeq(services)) return [];
    return services.items.flatMap((item, index): Drop[] => {
      if (!isMap<Node, Node | null>(item) || item.has("image") || item.has("$patch")) return [];
      const { line, col } = lines.linePos(item.range?.[0] ?? 0);
      return [{ service: String(item.get("name") ?? index), line, column: col }];
    });
  });
}

function finding(file: string, { service, line, column }: Drop): Finding {
  const message =
    `Kustomize replaces the whole list by this patch's, and so drops the image of ${service}: write the whole service here, ` +
    `or use a JSON patch (- {op: add, path: /spec/score/data/services/0/env, value: …})`;
  return { severity: "error", file, line, column, path: SERVICES.join("."), message };
}

function aPatch(file: string, kustomization: string): Finding {
  const message = `is a patch of ${kustomization}: the git source runs no Kustomize, and would take it for a Deployment that it cannot read`;
  return { severity: "warning", file, line: 1, column: 1, path: "", message };
}
