// What `iot lint` says of one place in a file. An error is refused by the operator or by a device.

export interface Finding {
  readonly severity: "error" | "warning";
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** Why the git source would not read it, and what would fix that. */
export interface UnreadFile {
  readonly path: string;
  readonly message: string;
}
