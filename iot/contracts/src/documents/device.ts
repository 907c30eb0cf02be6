// The Device resource (iot.nationtech.io/v1alpha1), cluster-scoped as a Node: what people say of a
// device (labels and spec), and what the operator writes of it (status). With a git source it is a
// document in the repository, of the same schema. What a device says of itself stands in
// `status`, where no selector looks.

import { DNS_LABEL } from "@harmony/schema";
import * as z from "zod/mini";
import { API_VERSION, Condition } from "./deployment.ts";

export const DEVICE_KIND = "Device";

const about = (description: string) => z.describe(description);

const label = z
  .string()
  .check(
    z.regex(DNS_LABEL, { error: "expected a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit)" }),
    z.maxLength(63),
  );

export const DeviceSpec = z.strictObject({
  displayName: z.optional(z.string().check(z.minLength(1), z.maxLength(253), about("What people call it."))),
  allowedNamespaces: z.optional(
    z
      .array(label)
      .check(
        z.minLength(1),
        z.maxLength(1_000),
        about("Deployments of other namespaces are not served on it: a set, at least one. Left out: those of all namespaces are."),
      ),
  ),
});
export type DeviceSpec = z.output<typeof DeviceSpec>;

/** A quantity of Kubernetes', as `7821Mi`. */
const quantity = z.string();

export const DeviceObjectStatus = z.looseObject({
  observedGeneration: z.optional(z.int()),
  /** Ready, Online, DiskPressure, ClockWrong, Following. */
  conditions: z.optional(z.array(Condition)),
  /** RFC 3339, by the server's clock: at most ten minutes behind. */
  lastSeenTime: z.optional(z.string()),
  agentVersion: z.optional(z.string()),
  bootID: z.optional(z.string()),
  addresses: z.optional(z.array(z.string())),
  capacity: z.optional(
    z.looseObject({ cpu: z.optional(quantity), memory: z.optional(quantity), "ephemeral-storage": z.optional(quantity) }),
  ),
  /** What is left of the fullest disk, to a twentieth of it. */
  diskAvailable: z.optional(quantity),
  nodeInfo: z.optional(
    z.looseObject({
      architecture: z.optional(z.string()),
      kernelVersion: z.optional(z.string()),
      osImage: z.optional(z.string()),
      /** `podman://5.4.2`. */
      containerRuntimeVersion: z.optional(z.string()),
    }),
  ),
  model: z.optional(z.string()),
  serial: z.optional(z.string()),
  /** What its own configuration lets people ask for. */
  remote: z.optional(z.array(z.string())),
  capabilities: z.optional(z.array(z.string())),
  /** `[agent.labels]` of its own configuration: shown, and matched by nobody. */
  reportedLabels: z.optional(z.record(z.string(), z.string())),
  /** `summary` is `<running>/<desired>`. */
  deployments: z.optional(z.looseObject({ desired: z.int(), running: z.int(), failed: z.int(), summary: z.string() })),
});
export type DeviceObjectStatus = z.output<typeof DeviceObjectStatus>;

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const LABEL_PART = "[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
const LABEL_KEY = new RegExp(String.raw`^(?:(?=.{1,253}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?${LABEL_PART}$`);
const LABEL_VALUE = new RegExp(`^(?:${LABEL_PART})?$`);

export const DeviceLabels = z.record(
  z.string().check(z.regex(LABEL_KEY, { error: "expected the name of a label, as Kubernetes has them" })),
  z.string().check(z.regex(LABEL_VALUE, { error: "expected the value of a label (at most 63 of A-Z, a-z, 0-9, -, _ and .)" })),
);

/**
 * The document as a person writes it; metadata beyond name and labels is Kubernetes' and passes
 * through.
 */
export const Device = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal(DEVICE_KIND),
  metadata: z.looseObject({ name: label, labels: z.optional(DeviceLabels) }),
  spec: z.optional(DeviceSpec),
  status: z.optional(z.unknown()),
});
export type Device = z.output<typeof Device>;
