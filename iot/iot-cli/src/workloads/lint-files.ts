// What the operator and the device would say of files before they are pushed: the operator's issues
// (@iot/workload-files), then those of the Score's own variant, which only a device would find, and
// what only several files together show. Pure. All that is wrong with a document is said at once.
// Warnings are what may be right and deserves a look.

import { formatPath, visibleText } from "@harmony/core";
import { doubledNames, isSaid, placeAt, readClosely, type CloseFile, type FileIssue, type WorkloadFile } from "@iot/workload-files";
import type { Finding, UnreadFile } from "./finding.ts";
import { type KustomizePatch, kustomizePatches } from "./kustomize-patches.ts";
import { kustomizeWarnings } from "./kustomize-warnings.ts";
import { deafFindings } from "./lint-deaf.ts";
import { deviceFindings } from "./lint-devices.ts";
import { portFindings } from "./lint-ports.ts";
import { scoreIssues } from "./lint-score.ts";
import { type Linted, lintedOf } from "./linted.ts";

export interface LintResult {
  readonly findings: readonly Finding[];
  readonly deployments: number;
}

export interface LintInput {
  readonly files: readonly WorkloadFile[];
  /** By path. */
  readonly read: ReadonlyMap<string, CloseFile>;
  /** Files that the operator does not read, with the reason. */
  readonly unread: readonly UnreadFile[];
  /** Those that were named, where a person expects to find a workload. */
  readonly folders: readonly string[];
  /** Devices that have reported; null: nobody was asked. */
  readonly reported: readonly string[] | null;
}

const EMPTY = "holds no document, it is empty or has only comments: delete the file, or write the Deployment";
const NO_WORKLOAD = "has no Deployment in it: name the folder that has them, or make one here (iot init)";

/** Reads the files here and now, however long it takes. */
export function lintFiles(files: readonly WorkloadFile[], unread: readonly UnreadFile[] = []): LintResult {
  return lint({ files, unread, read: new Map(files.map((file) => [file.path, readClosely(file)])), folders: [], reported: null });
}

export function lint({ files: all, read, unread, folders, reported }: LintInput): LintResult {
  const files = all.filter(({ path }) => read.get(path)?.isUnfinished !== true);
  const documents = [...read].flatMap(([file, { documents: of }]) => of.map((document) => lintedOf(file, document)));
  const whole = documents.filter(({ isRefused }) => !isRefused);
  const patches = kustomizePatches(files);
  const issues: FileIssue[] = [...[...read.values()].flatMap((file) => file.issues), ...doubledNames(whole.flatMap(named))];
  const errors = [...issues.map(asError), ...documents.flatMap(scoreFindings)].filter((finding) => !isLeftOutByPatch(finding, patches));
  const findings: Finding[] = [
    ...errors,
    ...unread.map(({ path, message }) => wholeFile(path, message)),
    ...emptyFiles(read).map((file) => wholeFile(file, EMPTY)),
    ...patches.flatMap(({ findings: of }) => of),
    ...portFindings(whole),
    ...documents.flatMap(deafFindings),
    ...(reported === null ? [] : deviceFindings(documents, reported)),
    ...kustomizeWarnings(files, whole),
    ...[...read.values()].flatMap(({ ignored }) =>
      ignored.flatMap(({ hint, ...place }) => (hint === undefined ? [] : [warned(place, hint)])),
    ),
  ];
  const empty = folders.filter((folder) => !isAnythingIn(folder, documents, findings)).map((folder) => wholeFile(folder, NO_WORKLOAD));
  return {
    findings: [...findings, ...empty].toSorted((a, b) => a.file.localeCompare(b.file, "en") || a.line - b.line || a.column - b.column),
    deployments: whole.length,
  };
}

function asError(issue: FileIssue): Finding {
  return { severity: "error", ...issue };
}

function wholeFile(file: string, message: string): Finding {
  return { severity: "error", file, line: 1, column: 1, path: "", message };
}

function warned({ file, line }: { readonly file: string; readonly line: number }, message: string): Finding {
  return { severity: "warning", file, line, column: 1, path: "", message };
}

function named({ file, name, namespace, places }: Linted): Parameters<typeof doubledNames>[0] {
  if (name === null) return [];
  return [{ file, name, namespace: namespace ?? undefined, nameAt: placeAt(places, ["metadata", "name"]) }];
}

function emptyFiles(read: ReadonlyMap<string, CloseFile>): string[] {
  return [...read].flatMap(([path, { documents, issues, ignored }]) =>
    documents.length + issues.length + ignored.length > 0 ? [] : [path],
  );
}

/** A workload, or something of which it is said why it is none. */
function isAnythingIn(folder: string, documents: readonly Linted[], findings: readonly Finding[]): boolean {
  const isIn = ({ file }: { readonly file: string }): boolean => folder === "." || file === folder || file.startsWith(`${folder}/`);
  return documents.some(isIn) || findings.some((finding) => finding.severity === "error" && isIn(finding));
}

/** A patch names only what it changes. */
function isLeftOutByPatch({ file, message }: Finding, patches: readonly KustomizePatch[]): boolean {
  return message.startsWith("is missing") && patches.some((patch) => patch.file === file);
}

function scoreFindings(document: Linted): Finding[] {
  return scoreIssues(document).flatMap(({ severity, path, message }): Finding[] =>
    isSaid(path, document.said)
      ? []
      : [{ severity, file: document.file, ...placeAt(document.places, path), path: formatPath(path), message }],
  );
}

/** The form in which compilers write it, so that editors and CI find the place. */
export function renderFindings({ findings, deployments }: LintResult, files: number): string {
  const lines = findings.map(({ severity, file, line, column, path, message }) =>
    visibleText(
      [`${file}:${line}:${column}: `, severity === "warning" ? "warning: " : "", path === "" ? "" : `${path}: `, message].join(""),
    ),
  );
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const found = [count(errors, "issue"), ...(warnings === 0 ? [] : [count(warnings, "warning")])].join(", ");
  return [...lines, `${count(files, "file")}, ${count(deployments, "deployment")}: ${found}`, ""].join("\n");
}

function count(number: number, what: string): string {
  return `${number === 0 ? "no" : number} ${what}${number === 1 ? "" : "s"}`;
}
