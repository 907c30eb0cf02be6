// How a static address is given to an interface: by which of the programs that look after networks,
// in which files, by which commands. The planner decides it (plan/static-address.ts), the executor
// carries it out and takes it back (apply/set-address.ts).

import type { HostApplication } from "./application.ts";

export type NetworkManagement = "netplan" | "NetworkManager" | "systemd-networkd";

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Shell commands and files; all the same for the one who executes them. */
export interface AddressChange {
  readonly manager: NetworkManagement;
  readonly interface: string;
  readonly address: string;
  readonly gateway: string;
  /** In the names of the trial's units, and of its folder below /run. */
  readonly runName: string;
  /** What it is to be for good, and where it is tried. */
  readonly files: readonly TextFile[];
  readonly trials: readonly TextFile[];
  /** After the trial's files are there. */
  readonly applyTrial: string;
  /** After they were removed again. */
  readonly undoTrial: string;
  /** After the files for good have replaced them. */
  readonly keep: string;
}

export const NETPLAN_FOLDER = "/etc/netplan";

/** Where the address lies for good. */
export function addressFiles({ program }: Pick<HostApplication, "program">): Readonly<Record<NetworkManagement, string>> {
  return {
    netplan: `${NETPLAN_FOLDER}/99-${program}.yaml`,
    NetworkManager: `/etc/NetworkManager/system-connections/${program}.nmconnection`,
    "systemd-networkd": `/etc/systemd/network/05-${program}.network`,
  };
}
