// `iot convert`: a Compose file as a Deployment, and what of it could not be taken over. Pure: what
// lies beside the file is read by who calls. What comes out passes `iot lint`: a field that
// PodmanV0 would refuse is taken out again and reported with its sentence, and only a name or an
// image that cannot be is left to be put right.

import { formatPath } from "@harmony/core";
import { podmanV0 } from "@harmony/podman";
import { API_VERSION, DEPLOYMENT_KIND, IOT_AGENT } from "@iot/contracts";
import { parseYamlValue, type YamlValue } from "@iot/workload-files";
import { Document, isScalar, Scalar, visit } from "yaml";
import { readComposeFile } from "./compose-file.ts";
import type { ReadBeside } from "./compose-mounts.ts";
import { serviceOf } from "./compose-service.ts";
import { dnsLabelOf } from "./compose-values.ts";
import { type ComposeMap, isMap, mapOf, type Note, textOf } from "./notes.ts";

const PODMAN_V0 = podmanV0(IOT_AGENT);

export interface ConvertOptions {
  /** For messages. */
  readonly file: string;
  /** Where the file gives none. */
  readonly name: string;
  readonly device: string;
  readonly readBeside: ReadBeside;
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
  const note = (path: string, message: string): void => void notes.push({ path, message });
  const compose = readComposeFile(read, options.file, note);
  for (const key of Object.keys(compose)) {
    if (!TOP_LEVEL.has(key) && !key.startsWith("x-")) {
      note(key, key === "networks" ? "is not taken over: the services of a deployment share one network" : "is not taken over");
    }
  }
  const services = Object.entries(mapOf(compose["services"])).map(([name, service]) =>
    serviceOf(mapOf(service), { compose, name, readBeside: options.readBeside, note }),
  );
  const data = withoutRefused({ services }, note);
  const deployment = {
    apiVersion: API_VERSION,
    kind: DEPLOYMENT_KIND,
    metadata: { name: dnsLabelOf(textOf(compose["name"]) ?? options.name) ?? "deployment" },
    spec: { targetDevices: [options.device], score: { type: PODMAN_V0.type, data } },
  };
  return { text: yamlText(deployment), notes };
}

function withoutRefused(data: ComposeMap, note: (path: string, message: string) => void): ComposeMap {
  let now: unknown = data;
  // Each turn takes something out, and what is left is no larger.
  for (let turns = 0; turns < 100; turns += 1) {
    const parsed = PODMAN_V0.parse(now);
    const issue = parsed.ok ? undefined : parsed.issues.at(-1);
    if (issue === undefined || issue.path.length < 3) {
      if (issue !== undefined) note("services", issue.message);
      break;
    }
    const [, index, ...rest] = issue.path;
    const service = mapOf(listAt(mapOf(now)["services"], index));
    const path = formatPath(["services", textOf(service["name"]) ?? "", ...rest]);
    if (rest[0] === "name" || rest[0] === "image") {
      note(path, `has to be put right: ${issue.message}`);
      break;
    }
    note(path, `is not taken over: ${issue.message}`);
    // An entry of a list or map goes alone, anything deeper with its field.
    now = without(now, issue.path.slice(0, 4));
  }
  return mapOf(now);
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
