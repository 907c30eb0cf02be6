// A device whose power can be cut, as a lane takes it through its cuts: an emulated one
// (emulated-device.ts), or one that a person owns (own-device.ts).

import type { SettledDisk } from "./disk.ts";
import type { GuestShell } from "./guest-shell.ts";
import type { Observation } from "./judge.ts";
import type { Cut } from "./plan.ts";

/** A device from power on to its cut. */
export interface Powered {
  /** The time when its power came on, by `performance.now()`. */
  readonly startedAt: number;
  /** Milliseconds until a person could log in. */
  readonly login: Promise<number>;
  readonly shell: GuestShell;
  /** A second shell, for a script that does not end. */
  readonly watcher: GuestShell;
  /** The output of its console, where there is one. */
  serial(): string;
}

/** How long each may take. */
export interface Patience {
  readonly loginMs: number;
  readonly answerMs: number;
  readonly reconcileMs: number;
  readonly settleMs: number;
}

export interface PoweredDevice {
  readonly patience: Patience;
  /** A new disk, where one can be had; the power is off then. */
  startAnew(): Promise<void>;
  powerOn(): Promise<Powered>;
  /** Cuts the power. Gives what is known of the writes that were lost. */
  cut(cut: Pick<Cut, "number" | "keep">): Promise<SettledDisk>;
  /** All that was written so far was seen to be there: a cut may lose nothing of it. */
  accept(): Promise<void>;
  /**
   * What a check of the file system says as the last cut left it. Called when it has booted again.
   */
  checkedFileSystem(): Promise<Observation["fsck"]>;
  /** Where this machine reaches a port of the device. */
  url(port: number): string;
  /** Gives it back. */
  stop(): Promise<void>;
}
