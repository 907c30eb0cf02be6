// One document of ours as lint judges it: its parts as far as they are there. A document that the
// operator refuses is judged too, so that a person learns at once of all that is wrong.

import type { Issue } from "@harmony/core";
import { formatPath } from "@harmony/core";
import { parse } from "@harmony/schema";
import { type CloseDocument, placeAt } from "@iot/workload-files";
import * as z from "zod/mini";
import type { Finding } from "./finding.ts";

export interface Linted extends CloseDocument {
  readonly file: string;
  /** null, and empty: it has none that could be read. */
  readonly name: string | null;
  readonly namespace: string | null;
  readonly devices: readonly string[];
  readonly score: { readonly type: string; readonly data: unknown } | null;
}

const Named = z.looseObject({ metadata: z.looseObject({ name: z.string(), namespace: z.optional(z.string()) }) });
const Targeted = z.looseObject({ spec: z.looseObject({ targetDevices: z.array(z.string()) }) });
const Scored = z.looseObject({ spec: z.looseObject({ score: z.looseObject({ type: z.string(), data: z.unknown() }) }) });

export function lintedOf(file: string, document: CloseDocument): Linted {
  const [named, targeted, scored] = [parse(Named, document.value), parse(Targeted, document.value), parse(Scored, document.value)];
  return {
    ...document,
    file,
    name: named.ok ? named.value.metadata.name : null,
    namespace: named.ok ? (named.value.metadata.namespace ?? null) : null,
    devices: targeted.ok ? targeted.value.spec.targetDevices : [],
    score: scored.ok ? scored.value.spec.score : null,
  };
}

export function warningAt({ file, places }: Linted, path: Issue["path"], message: string): Finding {
  return { severity: "warning", file, ...placeAt(places, path), path: formatPath(path), message };
}
