// The promise of docs/runbooks/card.md, for each reason for which a source cannot be read.

import { clausesOf } from "@harmony/core";
import { KUBERNETES_ERROR_CODES, KubernetesError } from "@harmony/kube-api";
import { expect, test } from "vitest";
import { whyUnreadable as whyGit } from "./git/why-unreadable.ts";
import { whyUnreadable as whyKubernetes } from "./kubernetes/why-unreadable.ts";
import { GIT_ERROR_CODES } from "./reasons.ts";

test.each(GIT_ERROR_CODES)("git, %s: what to do", (code) => {
  const message = code === "MissingProgram" ? "the program git is not installed here: install it, or put it on PATH" : "exit code 128";
  const said = whyGit("branch main of https://git.example/w.git", { code, message });
  expect(said).toContain("branch main of https://git.example/w.git");
  expect(clausesOf(said)).not.toMatchObject({ todo: null });
});

test.each(KUBERNETES_ERROR_CODES)("a cluster, %s: what to do", (code) => {
  const cause = new Error("connect ECONNREFUSED 10.0.0.1:6443");
  const { message } = whyKubernetes(new KubernetesError(code, "failed to list deployments: https://10.0.0.1:6443 refused it", { cause }));
  expect(clausesOf(message)).not.toMatchObject({ todo: null });
});
