// A Topology's description of itself. It is flat and printable, and leaves out what the place does
// not know.

/** A file system of the place. */
export interface InventoryDisk {
  readonly path: string;
  readonly bytes: number;
  readonly availableBytes: number;
}

export interface Inventory {
  readonly architecture: string;
  readonly capabilities: readonly string[];
  /** Any further fact, e.g. `os: "Debian GNU/Linux 13"`, `podmanVersion: "5.4.2"`. */
  readonly facts: Readonly<Record<string, string>>;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly disks?: readonly InventoryDisk[];
  /** Degrees Celsius. */
  readonly temperatureLimit?: number;
}
