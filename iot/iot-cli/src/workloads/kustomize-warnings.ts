// Our kind is called Deployment, and Kustomize's built-in transformers go by the kind alone: beside
// a kustomization.yaml that uses them a Deployment of ours is changed, or is not changed where one
// would expect it. Held against `kubectl kustomize` by test/kustomize.int.test.ts. A kustomization
// that does not parse is Kustomize's to complain about.

import { basename, dirname, join } from "node:path";
import { parse } from "@harmony/schema";
import type { WorkloadFile } from "@iot/workload-files";
import { isMap, isScalar, LineCounter, parseDocument, type Pair } from "yaml";
import * as z from "zod/mini";
import type { Finding } from "./finding.ts";

/**
 * Where Kustomize finds the images of a Score once a file of `configurations` says so; `iot init`
 * makes one.
 */
export const IMAGE_FIELD = "spec/score/data/services/image";
export const IMAGES_CONFIGURATION = ".iot/kustomize.yaml";

const KUSTOMIZATION = new Set(["kustomization.yaml", "kustomization.yml", "Kustomization"]);

export function isKustomization(path: string): boolean {
  return KUSTOMIZATION.has(basename(path));
}

export function kustomizeWarnings(
  files: readonly WorkloadFile[],
  deployments: readonly { readonly file: string; readonly name: string | null }[],
): Finding[] {
  return files
    .filter(({ path }) => isKustomization(path))
    .flatMap(({ path: file, content }) => {
      const names = deployments.flatMap((each) => (each.name !== null && isBeside(each.file, file) ? [each.name] : []));
      return names.length === 0 ? [] : warningsOf({ file, text: new TextDecoder().decode(content), names, files });
    });
}

/** In its folder or below: what it can name without leaving its root. */
function isBeside(file: string, kustomization: string): boolean {
  const folder = dirname(kustomization);
  return folder === "." || file.startsWith(`${folder}/`);
}

function warningsOf({
  file,
  text,
  names,
  files,
}: {
  file: string;
  text: string;
  names: readonly string[];
  files: readonly WorkloadFile[];
}): Finding[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent", uniqueKeys: false });
  if (document.errors.length > 0 || !isMap(document.contents)) return [];
  return document.contents.items.flatMap(({ key, value }: Pair): Finding[] => {
    if (!isScalar(key)) return [];
    if (key.value === "images" && reachesImages(file, document.toJS(), files)) return [];
    const message = effect(String(key.value), JSON.stringify(value), names);
    if (message === null) return [];
    const { line, col } = lines.linePos(key.range?.[0] ?? 0);
    return [{ severity: "warning", file, line, column: col, path: String(key.value), message }];
  });
}

const WithConfigurations = z.looseObject({ configurations: z.array(z.string()) });

/** A file that was not read, for it is hidden or elsewhere, is taken at its word. */
function reachesImages(kustomization: string, value: unknown, files: readonly WorkloadFile[]): boolean {
  const parsed = parse(WithConfigurations, value);
  return (
    parsed.ok &&
    parsed.value.configurations.some((name) => {
      const path = join(dirname(kustomization), name);
      const file = files.find((each) => each.path === path);
      return file === undefined || new TextDecoder().decode(file.content).includes(IMAGE_FIELD);
    })
  );
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
      return `Kustomize does not reach the images of a Score, these are left as they are: write them in the Deployment, or add configurations: [${IMAGES_CONFIGURATION}] with images: [{path: ${IMAGE_FIELD}}]`;
    default:
      return null;
  }
}
