// The only place where the goldens touch the product: from a stored input to the rows of `iot
// status`. Inputs are stored as v0.1.0 has them, maps as lists of entries: what is named otherwise
// later is mapped here.

import type { DesiredStateSnapshot, StatusEntry } from "@iot/messaging";
import * as z from "zod/mini";
import { judgeFleet } from "@iot/fleet";

export const GOLDENS_FILE: string = new URL("v0.1.0.jsonl.gz", import.meta.url).pathname;

type Entries<Of> = Of extends ReadonlyMap<infer Key, infer Value> ? readonly (readonly [Key, Value])[] : never;

const Input = z.object({
  manifests: z.custom<Entries<DesiredStateSnapshot["manifests"]>>(Array.isArray),
  statuses: z.custom<readonly StatusEntry[]>(Array.isArray),
});
export type Input = z.output<typeof Input>;

export function run(from: unknown): object {
  const { manifests, statuses } = z.parse(Input, from);
  return judgeFleet({ manifests: new Map(manifests) }, statuses);
}
