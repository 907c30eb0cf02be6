// The Deployment resource (iot.nationtech.io/v1alpha1), which a workload developer writes, from a
// Kubernetes API or a git repository. Both sources parse it with this schema; the CRD and the
// editor's JSON Schema are generated from it (scripts/generate.ts).

import { DNS_LABEL } from "@harmony/schema";
import * as z from "zod/mini";
import { Score } from "./score.ts";

export const API_GROUP = "iot.nationtech.io";
export const API_VERSION = "iot.nationtech.io/v1alpha1";
export const DEPLOYMENT_KIND = "Deployment";

const about = (description: string) => z.describe(description);

const label = z
  .string()
  .check(
    z.regex(DNS_LABEL, { error: "expected a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit)" }),
    z.maxLength(63),
  );

export const DeploymentSpec = z.strictObject({
  targetDevices: z.array(label).check(
    z.minLength(1),
    z.maxLength(10_000),
    z.check((context) => {
      const seen = new Set<string>();
      context.value.forEach((device, index) => {
        if (seen.has(device)) {
          context.issues.push({ code: "custom", path: [index], message: "names a device twice", input: device });
        }
        seen.add(device);
      });
    }),
    about("The devices that are to run it: a set, at least one."),
  ),
  score: Score.check(about("What a device is to run. Its type says who reads data: PodmanV0 is containers under rootless Podman.")),
  rollout: z
    ._default(z.strictObject({ strategy: z._default(z.enum(["Immediate"]), "Immediate") }), { strategy: "Immediate" })
    .check(about("How a change reaches the devices. Immediate: all at once.")),
});
export type DeploymentSpec = z.output<typeof DeploymentSpec>;

/** metav1.Condition. */
export const Condition = z.looseObject({
  type: z.string(),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string(),
  message: z.string().check(z.maxLength(32_768)),
  lastTransitionTime: z.string(),
  observedGeneration: z.optional(z.int()),
});
export type Condition = z.output<typeof Condition>;

export const FailureGroup = z.looseObject({
  reason: z.string(),
  message: z.string(),
  devices: z.int(),
  /** At most three device ids. */
  examples: z.array(z.string()),
});
export type FailureGroup = z.output<typeof FailureGroup>;

/** Counters and at most ten failures, never a list of devices: an object is limited to 1.5 MiB. */
export const DeploymentAggregate = z.looseObject({
  devices: z.int(),
  running: z.int(),
  pending: z.int(),
  failed: z.int(),
  offline: z.int(),
  failures: z.array(FailureGroup),
});
export type DeploymentAggregate = z.output<typeof DeploymentAggregate>;

export const DeploymentStatus = z.looseObject({
  observedGeneration: z.optional(z.int()),
  /** Byte for byte the text in the bucket. */
  observedScoreString: z.optional(z.string()),
  conditions: z.optional(z.array(Condition)),
  aggregate: z.optional(DeploymentAggregate),
});
export type DeploymentStatus = z.output<typeof DeploymentStatus>;

/**
 * The document as a person writes it; metadata beyond name and namespace is Kubernetes' and passes
 * through.
 */
export const Deployment = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal(DEPLOYMENT_KIND),
  metadata: z.looseObject({ name: label, namespace: z.optional(label) }),
  spec: DeploymentSpec,
  status: z.optional(z.unknown()),
});
export type Deployment = z.output<typeof Deployment>;
