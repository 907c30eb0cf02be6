// Facts of a device (bucket `inventory`, key `<device>`), written on boot and on change. What a
// person reads is text in `facts`; what a program counts with is a number. Agents before 0.2 send
// no numbers, and a device leaves out what it does not know.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

const count = z.number().check(z.nonnegative());

/** A file system that the agent or its workloads write to. */
export const DeviceDisk = z.looseObject({
  /** Where it is mounted, or a folder on it. */
  path: z.string(),
  bytes: count,
  /** What is left for the agent's user, to a twentieth of `bytes`, so that it seldom changes. */
  availableBytes: count,
});
export type DeviceDisk = z.output<typeof DeviceDisk>;

export const DeviceInventory = z.looseObject({
  device: DnsLabel,
  agentVersion: z.string(),
  bootId: z.string(),
  architecture: z.string(),
  /** The words of capabilities.ts. It is text, since a newer device may have others. */
  capabilities: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  /** `model`, `serial`, `os`, `kernel`, `podmanVersion`, `addresses` (with blanks between) and more. */
  facts: z.record(z.string(), z.string()),
  cpus: z.optional(count),
  memoryBytes: z.optional(count),
  disks: z.optional(z.array(DeviceDisk)),
  /** Degrees Celsius at which the processor slows down or stops, by its kernel. */
  temperatureLimit: z.optional(z.number()),
  /** What its own configuration lets people ask for: `logs`, `exec`. */
  remote: z.optional(z.array(z.string())),
});
export type DeviceInventory = z.output<typeof DeviceInventory>;
