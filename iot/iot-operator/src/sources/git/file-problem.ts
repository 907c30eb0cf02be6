// What is wrong with a file of a commit.

export interface FileProblem {
  readonly file: string;
  readonly line?: number;
  readonly message: string;
  /** Whether it is about the file as a whole, rather than a field in it. */
  readonly whole?: boolean;
}
