// Facts of a device (bucket `inventory`, key `<device>`), written on boot and on change.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";

export const DeviceInventory = z.looseObject({
  device: DnsLabel,
  agentVersion: z.string(),
  bootId: z.string(),
  architecture: z.string(),
  /** The words of capabilities.ts. It is text, since a newer device may have others. */
  capabilities: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  facts: z.record(z.string(), z.string()),
});
export type DeviceInventory = z.output<typeof DeviceInventory>;
