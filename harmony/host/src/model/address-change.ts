// Describes how a static address is given to an interface: by which of the programs that manage
// networks, in which files, by which commands. The planner decides it (plan/static-address.ts), the
// executor carries it out and takes it back (apply/set-address.ts).

import type { HostApplication } from "./application.ts";

export type NetworkManagement = "netplan" | "NetworkManager" | "systemd-networkd";

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Shell commands and files, in one form for all managers. */
export interface AddressChange {
  readonly manager: NetworkManagement;
  readonly interface: string;
  readonly address: string;
  readonly gateway: string;
  /** Part of the names of the trial's units, and of its folder below /run. */
  readonly runName: string;
  /** The files for good, and the files of the trial. */
  readonly files: readonly TextFile[];
  readonly trials: readonly TextFile[];
  /** Runs once the trial's files exist. */
  readonly applyTrial: string;
  /** Runs after they were removed again. */
  readonly undoTrial: string;
  /** Runs after the files for good have replaced them. */
  readonly keep: string;
}

export const NETPLAN_FOLDER = "/etc/netplan";

/** The file of the address for good. */
export function addressFiles({ program }: Pick<HostApplication, "program">): Readonly<Record<NetworkManagement, string>> {
  return {
    netplan: `${NETPLAN_FOLDER}/99-${program}.yaml`,
    NetworkManager: `/etc/NetworkManager/system-connections/${program}.nmconnection`,
    "systemd-networkd": `/etc/systemd/network/05-${program}.network`,
  };
}
