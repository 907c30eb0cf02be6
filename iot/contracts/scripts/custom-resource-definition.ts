// The CustomResourceDefinitions of Deployment and Device. Their schemas are the documents' own, made
// structural: Kubernetes drops unknown fields by itself and allows no `additionalProperties: false`.
// Only `spec.score.data` keeps what is not known, since it is the variant's.

import * as z from "zod/mini";
import {
  API_GROUP,
  API_VERSION,
  DEPLOYMENT_KIND,
  DeploymentSpec,
  DeploymentStatus,
  DEVICE_KIND,
  DeviceObjectStatus,
  DeviceSpec,
} from "../src/index.ts";

type Node = Record<string, unknown>;

/** Extensions that JSON Schema has no words for, by path. */
const EXTENSIONS: Readonly<Record<string, Node>> = {
  // A set costs the API server a second for each write of a status with 10,000 names. The operator
  // checks that no name comes twice.
  "spec.targetDevices": { "x-kubernetes-list-type": "atomic" },
  "spec.score.data": { "x-kubernetes-preserve-unknown-fields": true },
  "spec.allowedNamespaces": { "x-kubernetes-list-type": "set" },
  "status.conditions": { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] },
  "status.conditions[].lastTransitionTime": { format: "date-time" },
  "status.conditions[].observedGeneration": { format: "int64" },
  "status.observedGeneration": { format: "int64" },
  "status.lastSeenTime": { format: "date-time" },
  "status.reportedLabels": { additionalProperties: { type: "string" } },
};

/** A name of Kubernetes' without dots is a DNS label. The length also bounds the rule's cost. */
const NAME = { type: "object", properties: { name: { type: "string", maxLength: 63 } } };

function nameRule(use: string): Node {
  return {
    rule: "!self.metadata.name.contains('.')",
    fieldPath: ".metadata.name",
    message: `the name becomes part of ${use}: it must be a DNS label, at most 63 of a-z, 0-9 and -, without a dot`,
  };
}

const DEPLOYMENT_COLUMNS = [
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Devices", type: "integer", jsonPath: ".status.aggregate.devices" },
  { name: "Running", type: "integer", jsonPath: ".status.aggregate.running" },
  { name: "Failed", type: "integer", jsonPath: ".status.aggregate.failed" },
  { name: "Type", type: "string", jsonPath: ".spec.score.type" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  { name: "Message", type: "string", priority: 1, jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
];

const DEVICE_COLUMNS = [
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Reason", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
  { name: "Deployments", type: "string", jsonPath: ".status.deployments.summary" },
  { name: "Last Seen", type: "date", jsonPath: ".status.lastSeenTime" },
  { name: "Version", type: "string", jsonPath: ".status.agentVersion" },
  { name: "Arch", type: "string", jsonPath: ".status.nodeInfo.architecture" },
  { name: "Model", type: "string", jsonPath: ".status.model" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  { name: "Address", type: "string", priority: 1, jsonPath: ".status.addresses[0]" },
  { name: "OS", type: "string", priority: 1, jsonPath: ".status.nodeInfo.osImage" },
  { name: "Kernel", type: "string", priority: 1, jsonPath: ".status.nodeInfo.kernelVersion" },
  { name: "Podman", type: "string", priority: 1, jsonPath: ".status.nodeInfo.containerRuntimeVersion" },
  { name: "Memory", type: "string", priority: 1, jsonPath: ".status.capacity.memory" },
  { name: "Disk Free", type: "string", priority: 1, jsonPath: ".status.diskAvailable" },
];

interface Resource {
  readonly description: string;
  readonly scope: "Namespaced" | "Cluster";
  readonly names: { readonly kind: string; readonly plural: string; readonly singular: string; readonly shortNames: readonly string[] };
  readonly spec: z.core.$ZodType;
  readonly isSpecRequired: boolean;
  readonly status: z.core.$ZodType;
  readonly columns: readonly Node[];
  readonly nameRule: Node;
}

const RESOURCES: readonly Resource[] = [
  {
    description: "What runs on which devices.",
    scope: "Namespaced",
    names: { kind: DEPLOYMENT_KIND, plural: "deployments", singular: "deployment", shortNames: ["iotdep"] },
    spec: DeploymentSpec,
    isSpecRequired: true,
    status: DeploymentStatus,
    columns: DEPLOYMENT_COLUMNS,
    nameRule: nameRule("a key and of a container's name"),
  },
  {
    description: "A device: what people say of it, and what it is.",
    scope: "Cluster",
    names: { kind: DEVICE_KIND, plural: "devices", singular: "device", shortNames: ["iotdev"] },
    spec: DeviceSpec,
    isSpecRequired: false,
    status: DeviceObjectStatus,
    columns: DEVICE_COLUMNS,
    nameRule: nameRule("subjects and keys of NATS"),
  },
];

export function customResourceDefinitions(): Node[] {
  return RESOURCES.map(definitionOf);
}

function definitionOf({ description, scope, names, spec, isSpecRequired, status, columns, nameRule: rule }: Resource): Node {
  const schema = {
    description,
    type: "object",
    ...(isSpecRequired ? { required: ["spec"] } : {}),
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: NAME,
      spec: structural(spec, "spec"),
      status: structural(status, "status"),
    },
    "x-kubernetes-validations": [rule],
  };
  const { kind, ...others } = names;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${names.plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope,
      names: { kind, listKind: `${kind}List`, ...others },
      versions: [
        {
          name: API_VERSION.slice(API_GROUP.length + 1),
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}

function structural(document: z.core.$ZodType, path: string): Node {
  const { $schema: _, ...schema } = z.toJSONSchema(document, { io: "input", target: "openapi-3.0" });
  return converted(schema, path);
}

function converted(node: Node, path: string): Node {
  const { additionalProperties, propertyNames, minimum, maximum, properties, items, ...kept } = node;
  const result: Node = { ...kept };
  if (minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER) result["minimum"] = minimum;
  if (maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER) result["maximum"] = maximum;
  if (isNode(items)) result["items"] = converted(items, `${path}[]`);
  if (isNode(properties)) {
    result["properties"] = Object.fromEntries(
      Object.entries(properties).flatMap(([name, child]) => (isNode(child) ? [[name, converted(child, `${path}.${name}`)]] : [])),
    );
  } else if (kept["type"] === "object" && EXTENSIONS[path] === undefined) {
    // A map would silently lose its members here.
    throw new Error(`${path} is a map: say in EXTENSIONS what becomes of it`);
  }
  return { ...result, ...EXTENSIONS[path] };
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
