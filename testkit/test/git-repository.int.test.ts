// The git repository of the testkit: pushes arrive, forced ones too, and hooks run.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeGitRepository } from "../src/index.ts";

test("a push arrives, a rewritten history only when forced, and the hook is run", async () => {
  await using repository = await makeGitRepository();
  await repository.setHook("post-receive", "#!/bin/sh\ncat >> received\n");
  const first = await repository.commit({ "deployment.yaml": "a: 1\n", "docs/README.md": "Edit this.\n" });
  await repository.push();
  expect(await repository.head()).toBe(first);

  await repository.commit({ "deployment.yaml": null });
  await repository.push();
  await repository.resetTo(first);
  const rewritten = await repository.commit({ "deployment.yaml": "a: 2\n" });
  await expect(repository.push()).rejects.toThrow(/non-fast-forward/);
  await repository.push({ force: true });
  expect(await repository.head()).toBe(rewritten);
  expect(await readFile(join(repository.barePath, "received"), "utf8")).toContain(rewritten);
});
