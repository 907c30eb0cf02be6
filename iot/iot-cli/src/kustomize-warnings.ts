// Our kind is called Deployment, and Kustomize's built-in transformers go by the kind alone: beside a kustomization.yaml that uses them
// a Deployment of ours is changed, or is not changed where one would expect it. Held against `kubectl kustomize` by
// test/kustomize.int.test.ts. A kustomization that does not parse is Kustomize's to complain about.

import { basename, dirname } from "node:path";
import type { WorkloadDocument, WorkloadFile } from "@iot/workload-files";
import { isMap, isScalar, LineCounter, parseDocument, type Pair } from "yaml";
import type { Finding } from "./finding.ts";

const KUSTOMIZATION = new Set(["kustomization.yaml", "kustomization.yml", "Kustomization"]);

export function isKustomization(path: string): boolean {
  return KUSTOMIZATION.has(basename(path));
}

export function kustomizeWarnings(files: readonly WorkloadFile[], deployments: readonly WorkloadDocument[]): Finding[] {
  return files
    .filter(({ path }) => isKustomization(path))
    .flatMap(({ path: file, content }) => {
      const names = deployments.filter((each) => isBeside(each.file, file)).map(({ document }) => document.metadata.name);
      return names.length === 0 ? [] : warningsOf(file, new TextDecoder().decode(content), names);
    });
}

/** In its folder or below: what it can name without leaving its root. */
function isBeside(file: string, kustomization: string): boolean {
  const folder = dirname(kustomization);
  return folder === "." || file.startsWith(`${folder}/`);
}

function warningsOf(file: string, text: string, names: readonly string[]): Finding[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent", uniqueKeys: false });
  if (document.errors.length > 0 || !isMap(document.contents)) return [];
  return document.contents.items.flatMap(({ key, value }: Pair): Finding[] => {
    if (!isScalar(key)) return [];
    const message = effect(String(key.value), JSON.stringify(value), names);
    if (message === null) return [];
    const { line, col } = lines.linePos(key.range?.[0] ?? 0);
    return [{ severity: "warning", file, line, column: col, path: String(key.value), message }];
  });
}

function effect(field: string, value: string, names: readonly string[]): string | null {
  const whose = `Kustomize takes the Deployment ${names.join(", ")} for Kubernetes' own`;
  const template = "adds spec.template (and spec.selector) to it, which the cluster does not know";
  switch (field) {
    case "replicas": {
      const hit = names.find((name) => value.includes(`"name":"${name}"`));
      return hit === undefined ? null : `${whose} and adds spec.replicas to ${hit}, which the cluster does not know: remove it`;
    }
    case "labels":
      if (!/"include(Selectors|Templates)":true/.test(value)) return null;
      return `${whose} and ${template}: leave includeSelectors and includeTemplates out`;
    case "commonLabels":
      return `${whose} and ${template}: use labels without includeSelectors`;
    case "commonAnnotations":
      return `${whose} and adds spec.template to it, which the cluster does not know: remove it`;
    case "images":
      return "Kustomize does not reach the images of a Score, these are left as they are: write them in the Deployment";
    default:
      return null;
  }
}
