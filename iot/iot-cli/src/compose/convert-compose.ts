// `iot convert`: a Compose file as a Deployment, and what of it could not be taken over. Pure: what
// lies beside the file is read by who calls. What comes out passes `iot lint`: a field that
// PodmanV0 would refuse is taken out again and reported with its sentence, and only a name or an
// image that cannot be is left to be put right.

import { formatPath, type Issue } from "@harmony/core";
import { podmanV0 } from "@harmony/podman";
import { API_VERSION, DEPLOYMENT_KIND, IOT_AGENT } from "@iot/contracts";
import { parseYamlValue, type YamlValue } from "@iot/workload-files";
import { lookUp } from "@harmony/schema";
import { Document, isScalar, Scalar, visit } from "yaml";
import { readComposeFile } from "./compose-file.ts";
import type { ReadBeside } from "./beside.ts";
import { linkAliases } from "./compose-links.ts";
import { serviceOf } from "./compose-service.ts";
import { dnsLabelOf } from "./compose-values.ts";
import { deafProgram } from "../judge/deaf-program.ts";
import { type ComposeMap, isMap, mapOf, type Note, type TakeNote, textOf } from "./notes.ts";
import { unreachedNames } from "./unreached-names.ts";
import { whyNotAtTop } from "./why-not.ts";

const PODMAN_V0 = podmanV0(IOT_AGENT);

export interface ConvertOptions {
  /** For messages. */
  readonly file: string;
  /** Where the file gives none. */
  readonly name: string;
  readonly device: string;
  readonly readBeside: ReadBeside;
  /** Of the file `.env` beside it. */
  readonly variables: ReadonlyMap<string, string>;
}

export interface Converted {
  /** deployment.yaml. */
  readonly text: string;
  readonly notes: readonly Note[];
}

const TOP_LEVEL: ReadonlySet<string> = new Set(["version", "name", "services", "volumes", "secrets", "configs"]);

/** @throws UserError for what is no Compose file. */
export function convertCompose(text: string, options: ConvertOptions): Converted {
  return convertComposeValue(parseYamlValue({ path: options.file, content: Buffer.from(text) }), options);
}

/** @throws UserError for what is no Compose file. */
export function convertComposeValue(read: YamlValue, options: ConvertOptions): Converted {
  const notes: Note[] = [];
  const said = new Set<string>();
  const note = (path: string, message: string): void => {
    if (said.has(`${path} ${message}`)) return;
    said.add(`${path} ${message}`);
    notes.push({ path, message });
  };
  const compose = readComposeFile(read, options.file, { known: options.variables, note });
  for (const key of Object.keys(compose)) {
    if (!TOP_LEVEL.has(key) && !key.startsWith("x-")) note(key, whyNotAtTop(key));
  }
  const links = linkAliases(compose, note);
  const folders = new Map<string, string>();
  const services = Object.entries(mapOf(compose["services"])).map(([name, service]) =>
    serviceOf(mapOf(service), { file: compose, name, readBeside: options.readBeside, folders, linkedAs: links.get(name) ?? [], note }),
  );
  const originals = Object.keys(mapOf(compose["services"]));
  const data = withoutRefused({ services }, { originals, note });
  noteDeaf(data, note);
  notes.push(...unreachedNames(compose, data));
  const deployment = {
    apiVersion: API_VERSION,
    kind: DEPLOYMENT_KIND,
    metadata: {
      name: dnsLabelOf(textOf(compose["name"]) ?? options.variables.get("COMPOSE_PROJECT_NAME") ?? options.name) ?? "deployment",
    },
    spec: { targetDevices: [options.device], score: { type: PODMAN_V0.type, data } },
  };
  return { text: yamlText(deployment), notes };
}

/** A change waits for such a program until it is killed. */
function noteDeaf(data: ComposeMap, note: TakeNote): void {
  const parsed = PODMAN_V0.parse(data);
  for (const { name, entrypoint, command, init, stopTimeoutSeconds: seconds } of parsed.ok ? parsed.value.services : []) {
    const deaf = init ? null : deafProgram([...(entrypoint ?? []), ...(command ?? [])]);
    const field = entrypoint === undefined ? "command" : "entrypoint";
    if (deaf !== null)
      note(
        `services.${name}.${field}`,
        `${deaf} as process 1 does not hear SIGTERM, so each change waits ${seconds} s for it: write init: true`,
      );
  }
}

interface Refusing {
  /** The names of the services in the Compose file. */
  readonly originals: readonly string[];
  readonly note: TakeNote;
}

function withoutRefused(data: ComposeMap, { originals, note }: Refusing): ComposeMap {
  let now: unknown = data;
  // Each turn takes something out, and what is left is no larger.
  for (let turns = 0; turns < TURNS; turns += 1) {
    const parsed = PODMAN_V0.parse(now);
    const issues = parsed.ok ? [] : parsed.issues;
    const out = issues.filter(({ path }) => path.length > 2 && path[2] !== "name" && path[2] !== "image");
    if (out.length === 0) {
      for (const { path, message } of issues) note(placeOf(path, originals), `has to be put right: ${message}`);
      break;
    }
    for (const issue of out) note(placeOf(issue.path, originals), refusal(issue));
    const before = now;
    now = withoutAll(
      now,
      out.map(({ path }) => cutAt(path, before)),
    );
  }
  return mapOf(now);
}

const TURNS = 200;

/**
 * An entry of a list or map goes alone, anything deeper with it; one that is missing, its field.
 */
function cutAt(path: Issue["path"], data: unknown): Issue["path"] {
  const field = serviceAt(path[1], data)[String(path[2])];
  const entry = Array.isArray(field) ? listAt(field, path[3]) : mapOf(field)[String(path[3])];
  return path.slice(0, entry === undefined ? 3 : 4);
}

function serviceAt(index: unknown, data: unknown): ComposeMap {
  return mapOf(listAt(mapOf(data)["services"], index));
}

/** In the Compose file's words. */
function placeOf([, index, field, ...rest]: Issue["path"], originals: readonly string[]): string {
  if (index === undefined || field === undefined) return "services";
  return formatPath(["services", originals[Number(index)] ?? "", lookUp(COMPOSE_WORDS, String(field)) ?? field, ...rest]);
}

const COMPOSE_WORDS: Readonly<Record<string, string>> = {
  pull: "pull_policy",
  env: "environment",
  network: "network_mode",
  extraHosts: "extra_hosts",
  shmSize: "shm_size",
  groupAdd: "group_add",
  stopTimeoutSeconds: "stop_grace_period",
  stopSignal: "stop_signal",
  resources: "deploy.resources.limits",
  workingDir: "working_dir",
  readOnly: "read_only",
  capAdd: "cap_add",
  capDrop: "cap_drop",
};

function refusal({ message }: Issue): string {
  return `is not taken over: ${message}; write it as it should be, or leave it out`;
}

/** The last entries of a list first, so that those before keep their places. */
function withoutAll(data: unknown, paths: readonly Issue["path"][]): unknown {
  const once = new Map(paths.map((path) => [JSON.stringify(path), path]));
  const last = [...once.values()].toSorted((a, b) => Number(b.at(-1)) - Number(a.at(-1)));
  return last.reduce<unknown>((left, path) => without(left, path), data);
}

function listAt(list: unknown, index: unknown): unknown {
  return Array.isArray(list) && typeof index === "number" ? list[index] : undefined;
}

function without(value: unknown, [key, ...rest]: readonly (string | number)[]): unknown {
  if (key === undefined) return value;
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value;
    return rest.length === 0
      ? list.filter((_, index) => index !== key)
      : list.map((one, index) => (index === key ? without(one, rest) : one));
  }
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      name !== String(key) ? [[name, member]] : rest.length === 0 ? [] : [[name, without(member, rest)]],
    ),
  );
}

/** Text that YAML 1.1 (kubectl) or 1.2 might read as something else is quoted. */
function yamlText(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value !== "string") return;
      const isPlain = /^[a-zA-Z/]([\w./:@-]*[\w./-])?$/.test(node.value) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(node.value);
      node.type = node.value.includes("\n") ? Scalar.BLOCK_LITERAL : isPlain ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE;
    },
    Pair: (_, pair) => {
      if (isScalar(pair.key) && pair.key.value === "targetDevices" && typeof pair.value === "object" && pair.value !== null) {
        Object.assign(pair.value, { flow: true });
      }
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
