// What OpenBao is to hold of one device, from its record: its grant, which the callouts read there,
// and its way to NATS, which it reads itself. Pure. The records decide; what OpenBao holds of a
// device without a record is left alone.

import { canonicalJson } from "@harmony/schema";
import { type BaoRead, type DeviceRecord, type NatsServers } from "@iot/identity";
import { grantOf } from "../plan/admit.ts";

export interface Document {
  /** Within `iot/`. */
  readonly path: string;
  readonly content: object;
}

export function documentsOf(record: DeviceRecord, nats: NatsServers): { readonly grant: Document; readonly nats: Document } {
  return {
    grant: { path: `grants/${record.device}`, content: grantOf(record) },
    nats: { path: `devices/${record.device}/nats`, content: nats },
  };
}

export type Step = "write" | "nothing" | { readonly wait: string };

/** Only what differs is written: OpenBao keeps each version. */
export function planDocument({ content }: Document, found: BaoRead): Step {
  if (found.kind === "unknown") return { wait: found.why };
  return found.kind === "found" && canonicalJson(found.data) === canonicalJson(content) ? "nothing" : "write";
}
