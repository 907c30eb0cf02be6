// From the files of a workload repository to Deployments and Devices, each with file and line: what
// the git source compiles and `iot lint` prints. Pure and total: whatever the bytes are, the answer
// is documents and issues, never an exception. With any issue the set is not complete, and who
// reconciles from it keeps the last good one. Which files belong to a repository is the caller's to
// say.

import { formatPath, type Issue, type Parsed } from "@harmony/core";
import { parse } from "@harmony/schema";
import { API_VERSION, Deployment, DEPLOYMENT_KIND, Device, DEVICE_KIND, SCORE_LIMIT_BYTES, scoreString } from "@iot/contracts";
import { type Document, isMap, isSeq } from "yaml";
import { documentLimits } from "./document-limits.ts";
import { SOPS } from "./file-kinds.ts";
import { kubectlDifferences } from "./kubectl-differences.ts";
import { headingOf, isMeantForUs } from "./near-miss.ts";
import { offsetAt, type Place, type Places, placesOf } from "./places.ts";
import type { PlacedIssue } from "./placed-issue.ts";
import { shortened } from "./shortened.ts";
import { isEmptyDocument, parseYamlFile, type YamlFile } from "./yaml-file.ts";

export { FILE_LIMIT_BYTES } from "./yaml-file.ts";

export interface WorkloadFile {
  readonly path: string;
  readonly content: Uint8Array;
}

export interface FileIssue {
  readonly file: string;
  /** From 1, as editors count. */
  readonly line: number;
  readonly column: number;
  /** `spec.targetDevices[0]`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

export interface WorkloadDocument {
  readonly file: string;
  readonly line: number;
  readonly document: Deployment;
  readonly scoreString: string;
  /** Where the node at a path of the document stands, or the nearest one above it. */
  readonly place: (path: Issue["path"]) => Place;
  readonly places: () => Places;
}

/** What people say of a device, where there is no cluster to say it to. */
export interface DeviceDocument {
  readonly file: string;
  readonly document: Device;
  /** Where its name stands. */
  readonly nameAt: Place;
}

/** Meant for us, and with issues: what of it could be read. */
export interface RefusedDocument {
  readonly file: string;
  readonly line: number;
  readonly value: unknown;
  readonly places: () => Places;
  /** What is said of already, by an issue. */
  readonly said: readonly Issue["path"][];
}

/** Not ours: left to whoever knows the kind. */
export interface IgnoredDocument {
  readonly file: string;
  readonly line: number;
  /** As written; empty where there is none. */
  readonly kind: string;
  /** What to know of it, e.g. that it is Kubernetes' own Deployment. */
  readonly hint?: string;
}

export interface FilesResult {
  readonly deployments: readonly WorkloadDocument[];
  readonly devices: readonly DeviceDocument[];
  readonly issues: readonly FileIssue[];
  readonly refused: readonly RefusedDocument[];
  readonly ignored: readonly IgnoredDocument[];
}

const ISSUES_LIMIT = 20;
const FILE_ISSUES_LIMIT = 100;

export function readWorkloadFiles(files: readonly WorkloadFile[]): FilesResult {
  const read = files.map(readFile);
  const deployments = read.flatMap((file) => file.deployments);
  const devices = read.flatMap((file) => file.devices);
  return {
    deployments,
    devices,
    issues: [...read.flatMap(({ issues }) => issues), ...doubledNames(deployments.map(withNameAt)), ...doubledDevices(devices)],
    refused: read.flatMap(({ refused }) => refused),
    ignored: read.flatMap(({ ignored }) => ignored),
  };
}

/** What it takes to say that a name is given twice. */
export interface NamedDeployment {
  readonly file: string;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly nameAt: Place;
}

function withNameAt({ file, document: { metadata }, place }: WorkloadDocument): NamedDeployment {
  return { file, name: metadata.name, namespace: metadata.namespace, nameAt: place(["metadata", "name"]) };
}

function readFile({ path: file, content }: WorkloadFile): FilesResult {
  const yaml = parseYamlFile(content);
  const deployments: WorkloadDocument[] = [];
  const devices: DeviceDocument[] = [];
  const issues: FileIssue[] = yaml.issues.map((issue) => toFileIssue(file, yaml, issue));
  const refused: RefusedDocument[] = [];
  const ignored: IgnoredDocument[] = [];
  const written = yaml.documents.filter((document) => !isEmptyDocument(document));
  for (const document of written) {
    const { line } = yaml.place(offsetAt(document, []));
    if (isListOfOurs(document)) {
      const message = "a List of Deployments is not read, though kubectl would: write each as a document of its own, with `---` between";
      issues.push(toFileIssue(file, yaml, { path: ["kind"], message, offset: offsetAt(document, ["kind"]) }));
      continue;
    }
    if (isEncrypted(document)) {
      issues.push(toFileIssue(file, yaml, { path: [], message: `${SOPS.what}: ${SOPS.mend}`, offset: offsetAt(document, []) }));
      continue;
    }
    const foreign = foreignKind(document);
    if (foreign !== null) {
      ignored.push({ file, line, ...foreign });
      continue;
    }
    const place = (path: Issue["path"]): Place => yaml.place(offsetAt(document, path));
    const places = (): Places => placesOf(document, yaml.place);
    const isDevice = headingOf(document).kind === DEVICE_KIND;
    const outcome = isDevice ? readDevice(document, yaml) : readDeployment(document, yaml);
    if (outcome.ok && "device" in outcome) devices.push({ file, document: outcome.device, nameAt: place(["metadata", "name"]) });
    else if (outcome.ok) deployments.push({ file, line, document: outcome.document, scoreString: outcome.scoreString, place, places });
    else {
      issues.push(...firstOf(outcome.issues).map((issue) => toFileIssue(file, yaml, issue)));
      refused.push({ file, line, value: outcome.value, places, said: outcome.issues.map(({ path }) => path) });
    }
  }
  if (deployments.length + devices.length > 0) issues.push(...written.flatMap(headless).map((issue) => toFileIssue(file, yaml, issue)));
  return { deployments, devices, issues: firstIssues(file, issues), refused, ignored };
}

/** The same for all documents of a file. */
function firstIssues(file: string, issues: readonly FileIssue[]): readonly FileIssue[] {
  const next = issues[FILE_ISSUES_LIMIT];
  if (next === undefined) return issues;
  const rest = issues.length - FILE_ISSUES_LIMIT;
  return [...issues.slice(0, FILE_ISSUES_LIMIT), { ...next, file, path: "", message: `and ${rest} more in this file from here on` }];
}

/** A person fixes a few at a time, and a file made to have a million should not fill the log. */
function firstOf(issues: readonly PlacedIssue[]): readonly PlacedIssue[] {
  const next = issues[ISSUES_LIMIT];
  if (next === undefined) return issues;
  return [...issues.slice(0, ISSUES_LIMIT), { ...next, path: [], message: `and ${issues.length - ISSUES_LIMIT} more from here on` }];
}

/** `value` is null where the document is not taken apart. */
type Unread = { ok: false; issues: readonly PlacedIssue[]; value: unknown };

function readDeployment(document: Document.Parsed, yaml: YamlFile): { ok: true; document: Deployment; scoreString: string } | Unread {
  const read = readAs(document, yaml, (value) => parse(Deployment, value), scoreIssues);
  return read.ok ? { ok: true, document: read.value, scoreString: scoreString(read.value.spec.score) } : read;
}

function readDevice(document: Document.Parsed, yaml: YamlFile): { ok: true; device: Device } | Unread {
  const read = readAs(
    document,
    yaml,
    (value) => parse(Device, value),
    () => [],
  );
  return read.ok ? { ok: true, device: read.value } : read;
}

function readAs<Value>(
  document: Document.Parsed,
  { text, place }: YamlFile,
  parseIt: (value: unknown) => Parsed<Value>,
  judge: (value: Value) => Issue[],
): { ok: true; value: Value } | Unread {
  const limits = documentLimits(document);
  if (limits.length > 0) return { ok: false, issues: limits, value: null };
  const differences = kubectlDifferences(document, text, (offset) => place(offset).line);
  // Their number was counted.
  const value: unknown = document.toJS({ maxAliasCount: -1 });
  const parsed = parseIt(value);
  const found = parsed.ok ? judge(parsed.value) : parsed.issues;
  const said = differences.map(({ path }) => path);
  const others = found.filter(({ path }) => !isSaid(path, said)).map((issue) => ({ ...issue, offset: offsetAt(document, issue.path) }));
  const issues = [...differences, ...others];
  return parsed.ok && issues.length === 0 ? parsed : { ok: false, issues, value };
}

/** What is said of a value is said of all within it, but for what is said of the whole document. */
export function isSaid(path: Issue["path"], said: readonly Issue["path"][]): boolean {
  return said.some((one) => one.length > 0 && one.length <= path.length && one.every((step, index) => step === path[index]));
}

function scoreIssues({ spec }: Deployment): Issue[] {
  const bytes = Buffer.byteLength(scoreString(spec.score));
  if (bytes <= SCORE_LIMIT_BYTES) return [];
  const message = `the Score has ${Math.ceil(bytes / 1024)} KiB: at most ${SCORE_LIMIT_BYTES / 1024} KiB, put large content into the image`;
  return [{ path: ["spec", "score"], message }];
}

/**
 * kubectl refuses it, and beside a Deployment it is mostly the rest of another: the file was cut
 * off, or a line got lost.
 */
function headless(document: Document.Parsed): PlacedIssue[] {
  const { kind, apiVersion } = headingOf(document);
  if (kind !== "" && apiVersion !== "") return [];
  const message = `a document without ${kind === "" ? "kind" : "apiVersion"} beside a Deployment: put it right, or take it out`;
  return [{ path: [], message, offset: offsetAt(document, []) }];
}

/**
 * SOPS leaves the keys as they are: `spec` shows what it is. A file that was encrypted as a whole
 * does not.
 */
function isEncrypted(document: Document.Parsed): boolean {
  const { kind, apiVersion } = headingOf(document);
  if (kind.startsWith("ENC[") || apiVersion.startsWith("ENC[")) {
    return document.hasIn(["spec", "targetDevices"]) || document.hasIn(["spec", "score"]);
  }
  if (!isMap(document.contents) || !isMap(document.get("sops"))) return false;
  const data = document.get("data");
  return isMeantForUs(document) || (typeof data === "string" && data.startsWith("ENC["));
}

/**
 * null: it is ours to judge. Another version of our kind, our fields without an apiVersion, or a
 * typo is; the schema then says what is wrong.
 */
function foreignKind(document: Document.Parsed): { kind: string; hint?: string } | null {
  if (!isMap(document.contents)) return { kind: "" };
  if (isMeantForUs(document)) return null;
  const { kind, apiVersion } = headingOf(document);
  if (kind === DEPLOYMENT_KIND) {
    return { kind, hint: `this is Kubernetes' own Deployment (${apiVersion || "no apiVersion"}): devices take apiVersion: ${API_VERSION}` };
  }
  return { kind };
}

function isListOfOurs(document: Document.Parsed): boolean {
  const items = headingOf(document).kind === "List" ? document.get("items") : undefined;
  return isSeq(items) && items.items.some((item) => isMap(item) && item.get("apiVersion") === API_VERSION);
}

/**
 * A name with no namespace gets the reader's own, which may be any: so it is the same as that name
 * in any namespace.
 */
export function doubledNames(deployments: readonly NamedDeployment[]): FileIssue[] {
  /** By name, where each namespace that has it stands first; "" for none, and "*" for any. */
  const seen = new Map<string, Map<string, number>>();
  return deployments.flatMap((deployment, index): FileIssue[] => {
    const { name, namespace = "" } = deployment;
    const places = seen.get(name) ?? new Map<string, number>();
    const same = namespace === "" ? [places.get("*")] : [places.get(namespace), places.get("")];
    const first = deployments[Math.min(...same.map((at) => at ?? Infinity))];
    seen.set(name, places);
    for (const key of [namespace, "*"]) if (!places.has(key)) places.set(key, index);
    if (first === undefined) return [];
    const message = `"${name}" is also the name of the Deployment at ${first.file}:${first.nameAt.line}: give one of them another name`;
    return [{ file: deployment.file, ...deployment.nameAt, path: "metadata.name", message }];
  });
}

export function doubledDevices(devices: readonly DeviceDocument[]): FileIssue[] {
  const seen = new Map<string, DeviceDocument>();
  return devices.flatMap((device): FileIssue[] => {
    const { name } = device.document.metadata;
    const first = seen.get(name);
    if (first === undefined) {
      seen.set(name, device);
      return [];
    }
    const message = `"${name}" is also the name of the Device at ${first.file}:${first.nameAt.line}: write one of them`;
    return [{ file: device.file, ...device.nameAt, path: "metadata.name", message }];
  });
}

function toFileIssue(file: string, yaml: YamlFile, issue: PlacedIssue): FileIssue {
  return { file, ...yaml.place(issue.offset), path: shortened(formatPath(issue.path)), message: shortened(issue.message) };
}
