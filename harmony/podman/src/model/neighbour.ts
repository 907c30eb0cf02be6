// Another deployment of the device that has to do with the ports of this one: it has one of them,
// or wants one. Plain values, which observe/neighbours.ts gathers.

import type { Desired } from "@harmony/core";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import type { SwapRecord } from "./swap-record.ts";

export interface Neighbour {
  /** `data` null: it is being removed. */
  readonly desired: Desired<PodmanV0>;
  readonly record: SwapRecord;
  /** This stood in its way when it reported last; null: nothing that is known. */
  readonly trouble: string | null;
}
