// What the operator and the device would say of files before they are pushed: the operator's issues
// (@iot/workload-files), then those of the Score's own variant, which only a device would find.
// Pure. Warnings are what may be right and deserves a look.

import { formatPath, type Issue, visibleText } from "@harmony/core";
import { podmanV0 } from "@harmony/podman";
import { IOT_AGENT } from "@iot/contracts";
import { type FileIssue, type FilesResult, readWorkloadFiles, type WorkloadDocument, type WorkloadFile } from "@iot/workload-files";
import type { Finding, UnreadFile } from "./finding.ts";
import { type KustomizePatch, kustomizePatches } from "./kustomize-patches.ts";
import { kustomizeWarnings } from "./kustomize-warnings.ts";

export interface LintResult {
  readonly findings: readonly Finding[];
  readonly deployments: number;
}

/** The variants that this version knows: what a device does with them is its agent's to say. */
const VARIANTS = [podmanV0(IOT_AGENT)];

const EMPTY = "holds no document, it is empty or has only comments: delete the file, or write the Deployment";

/** `unread`: files that the operator does not read, with the reason. */
export function lintFiles(files: readonly WorkloadFile[], unread: readonly UnreadFile[] = []): LintResult {
  const read = readWorkloadFiles(files);
  const { deployments, ignored } = read;
  const patches = kustomizePatches(files);
  const issues = read.issues.filter((issue) => !isLeftOutByPatch(issue, patches));
  const findings: Finding[] = [
    ...issues.map((issue): Finding => ({ severity: "error", ...issue })),
    ...unread.map(({ path, message }) => wholeFile(path, message)),
    ...emptyFiles(files, read).map((file) => wholeFile(file, EMPTY)),
    ...patches.flatMap(({ findings: of }) => of),
    ...deployments.flatMap(scoreFindings),
    ...kustomizeWarnings(files, deployments),
    ...ignored.flatMap(({ file, line, hint }): Finding[] =>
      hint === undefined ? [] : [{ severity: "warning", file, line, column: 1, path: "", message: hint }],
    ),
  ];
  return {
    findings: findings.toSorted((a, b) => a.file.localeCompare(b.file, "en") || a.line - b.line || a.column - b.column),
    deployments: deployments.length,
  };
}

function wholeFile(file: string, message: string): Finding {
  return { severity: "error", file, line: 1, column: 1, path: "", message };
}

function emptyFiles(files: readonly WorkloadFile[], { deployments, issues, ignored }: FilesResult): string[] {
  const said = new Set([...deployments, ...issues, ...ignored].map(({ file }) => file));
  return files.flatMap(({ path }) => (said.has(path) ? [] : [path]));
}

/** A patch names only what it changes. */
function isLeftOutByPatch({ file, message }: FileIssue, patches: readonly KustomizePatch[]): boolean {
  return message.startsWith("is missing") && patches.some((patch) => patch.file === file);
}

function scoreFindings({ file, document, place }: WorkloadDocument): Finding[] {
  const { type, data } = document.spec.score;
  const finding = (severity: Finding["severity"], path: Issue["path"], message: string): Finding => ({
    severity,
    file,
    ...place(path),
    path: formatPath(path),
    message,
  });
  const variant = VARIANTS.find((known) => known.type === type);
  if (variant === undefined) {
    const known = VARIANTS.map((each) => each.type).join(", ");
    return [
      finding(
        "warning",
        ["spec", "score", "type"],
        `this version of iot does not know the Score type "${type}" (it knows ${known}); a device may`,
      ),
    ];
  }
  const parsed = variant.parse(data);
  return parsed.ok ? [] : parsed.issues.map(({ path, message }) => finding("error", ["spec", "score", "data", ...path], message));
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
