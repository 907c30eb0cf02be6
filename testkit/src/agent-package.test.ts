import { expect, test } from "vitest";
import { agentPackageOfCommit } from "./agent-package.ts";

test("a commit that this clone does not have: how it is fetched", async () => {
  const commit = "0123456789".repeat(4);
  await expect(agentPackageOfCommit(commit)).rejects.toThrow(
    /^the agent of 0123456789.* cannot be built: this clone does not have that commit; run `git fetch --/,
  );
});
