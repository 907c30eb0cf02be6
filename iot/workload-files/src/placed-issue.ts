// An Issue together with where in the file's text it is; turned into line and column at the
// package's border.

import type { Issue } from "@harmony/core";

export interface PlacedIssue extends Issue {
  readonly offset: number;
}
