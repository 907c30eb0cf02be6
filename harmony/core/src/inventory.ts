// A Topology's description of itself. It is flat and printable, and leaves out what the place does
// not know.

export interface Inventory {
  readonly architecture: string;
  readonly capabilities: readonly string[];
  /**
   * Any further fact, e.g. `os: "Debian GNU/Linux 13"`, `podmanVersion: "5.4.2"`, `memoryBytes:
   * "8324489216"`.
   */
  readonly facts: Readonly<Record<string, string>>;
}
