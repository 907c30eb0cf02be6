// An Issue says what is wrong with a document, and where. Every border that refuses input gives
// Issues, so that the same sentence reaches the developer's terminal, the resource's condition and
// the device's log.

export interface Issue {
  /** Keys and indexes from the root of the document; empty for the document itself. */
  readonly path: readonly (string | number)[];
  /** The expected value, the value found and, where it is known, the value to write instead. */
  readonly message: string;
}

/** Formats `["services", 0, "ports"]` as `services[0].ports`. */
export function formatPath(path: Issue["path"]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** One sentence for a person: `services[0].image: expected text, found 3; services[1]: …`. */
export function formatIssues(issues: readonly Issue[]): string {
  return issues.map(({ path, message }) => (path.length === 0 ? message : `${formatPath(path)}: ${message}`)).join("; ");
}
