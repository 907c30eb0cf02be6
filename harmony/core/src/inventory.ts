// What a Topology says about itself. Flat and printable; what a place does not know it leaves out.

export interface Inventory {
  readonly architecture: string;
  readonly capabilities: readonly string[];
  /**
   * Any further fact, e.g. `os: "Debian GNU/Linux 13"`, `podmanVersion: "5.4.2"`, `memoryBytes:
   * "8324489216"`.
   */
  readonly facts: Readonly<Record<string, string>>;
}
