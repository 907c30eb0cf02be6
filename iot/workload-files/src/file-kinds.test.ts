// Files that are no YAML of a person's hand, and documents that are meant for us with a typo.

import { describe, expect, test } from "vitest";
import { isNearlyWorkloadFileName, isWorkloadFileName, looksLikeDeployment, readWorkloadFiles } from "./index.ts";

const GOOD = `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: { name: hello }
spec:
  targetDevices: [pi-1]
  score: { type: PodmanV0, data: { services: [] } }
`;
const ENC = "ENC[AES256_GCM,data:qk3y2u9d,iv:AAAA,tag:BBBB,type:str]";

function issuesOf(content: string | Uint8Array): string[] {
  return readWorkloadFiles([{ path: "a.yaml", content: Buffer.from(content) }]).issues.map(
    ({ line, path, message }) => `${line}: ${path === "" ? "" : `${path}: `}${message}`,
  );
}

test.each<[string, string | Uint8Array, string]>([
  [
    "a Git LFS pointer",
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 412\n",
    "1: is a Git LFS pointer: commit the text itself",
  ],
  ["git-crypt", Buffer.from("\0GITCRYPT\0\u0001\u0002", "latin1"), "1: is encrypted with git-crypt"],
  ["Ansible Vault", "$ANSIBLE_VAULT;1.1;AES256\n38\n", "1: is encrypted with Ansible Vault"],
  ["age", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "1: is encrypted with age"],
  ["PGP", "-----BEGIN PGP MESSAGE-----\n\nhQ\n", "1: is encrypted with PGP"],
  ["SOPS", `apiVersion: ${ENC}\nkind: ${ENC}\nspec:\n  score:\n    type: ${ENC}\nsops:\n  version: 3.9.0\n`, "1: is encrypted with SOPS"],
  ["SOPS with a plain head", `${GOOD}sops:\n  version: 3.9.0\n`, "1: is encrypted with SOPS"],
  ["SOPS of the whole", `{"data": "${ENC}", "sops": {"version": "3.9.0"}}`, "1: is encrypted with SOPS"],
  [
    "a conflict at the first line",
    `<<<<<<< HEAD\n${GOOD}=======\n${GOOD}>>>>>>> b\n`,
    "1: has a merge conflict that is not settled: settle it",
  ],
  ["a conflict with its base", `${GOOD}<<<<<<< ours\na: 1\n||||||| base\na: 0\n=======\na: 2\n>>>>>>> theirs\n`, "7: has a merge conflict"],
  ["a conflict of Windows", `${GOOD}<<<<<<< ours\r\n=======\r\n>>>>>>> b\r\n`, "7: has a merge conflict"],
  ["a Helm template", `{{- if .Values.on }}\n${GOOD}{{- end }}\n`, "1: is a template, which is not rendered here"],
  ["a Jinja template", `{% if on %}\n${GOOD}{% endif %}\n`, "1: is a template"],
  [
    "a template within",
    GOOD.replace("[pi-1]", "{{ .Values.devices | toYaml }}"),
    "5: spec.targetDevices: is a template, which is not rendered here",
  ],
  ["UTF-16 of Windows", Buffer.from(`\uFEFF${GOOD}`, "utf16le"), "1: the file is not UTF-8 text but UTF-16: save it as UTF-8"],
  ["UTF-16 without a mark", Buffer.from(GOOD, "utf16le"), "1: the file is not UTF-8 text but UTF-16"],
  ["a file with NUL", Buffer.from(`${GOOD}\0\0`), "1: the file is not UTF-8 text but binary"],
  ["a second document without its head", `${GOOD}---\nspec: {}\n`, "8: a document without kind beside a Deployment"],
  ["a second document of one word", `${GOOD}---\napiVer`, "8: a document without kind beside a Deployment"],
  ["a second document without apiVersion", `${GOOD}---\nkind: Deployment\n`, "8: a document without apiVersion beside a Deployment"],
])("%s", (_what, content, says) => {
  expect(issuesOf(content)[0] ?? "nothing").toContain(says);
});

test.each<[string, string]>([
  ["a Secret that SOPS encrypted", `apiVersion: v1\nkind: Secret\nstringData: {a: "${ENC}"}\nsops: {version: 3.9.0}\n`],
  ["values that SOPS encrypted", `password: ${ENC}\nsops:\n  version: 3.9.0\n`],
  ["half a conflict in a text", `${GOOD}---\napiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    <<<<<<< HEAD\n    =======\n`],
  ["braces in a text", GOOD.replace("services: []", 'services: [], format: "{{ .ID }}"')],
  ["Chart.yaml", "apiVersion: v2\nname: chart\nversion: 0.1.0\n"],
  ["an empty file", ""],
])("%s is left alone", (_what, content) => {
  expect(issuesOf(content)).toEqual([]);
});

test.each([
  ["kind: Deployment", "kind: Deployement", "2: kind: expected"],
  ["kind: Deployment", "kind: deployment", "2: kind: expected"],
  ["kind: Deployment", "Kind: Deployment", "1: kind: "],
  ["iot.nationtech.io", "iot.nationtech.com", "1: apiVersion: expected"],
  ["iot.nationtech.io", "iot.nation-tech.io", "1: apiVersion: expected"],
  ["iot.nationtech.io/v1alpha1", "apps/v1", "1: apiVersion: expected"],
  ["iot.nationtech.io/v1alpha1", "v1alpha1", "1: apiVersion: expected"],
  ["iot.nationtech.io/v1alpha1\nkind: Deployment", "example.org/v1\nkind: Workload", "1: apiVersion: expected"],
  ["apiVersion", "apiversion", "1: apiVersion: "],
  ["spec:", "Spec:", "spec: is missing"],
  ["spec:", "specs:", "spec: is missing"],
  ["targetDevices", "targetdevices", "spec.targetDevices: is missing"],
])("%j written as %j is ours, and reported", (from, to, says) => {
  expect(GOOD).toContain(from);
  expect(issuesOf(GOOD.replace(from, to)).join("\n")).toContain(says);
});

describe("numbers and names that would change on their way", () => {
  const of = (data: string): string[] => issuesOf(GOOD.replace("services: []", data));
  test.each([
    "9007199254740992",
    "9007199254740993",
    "12345678901234567890",
    "-9223372036854775808",
    "1e21",
    "9007199254740993.0",
    "123456789012345678901234567890",
  ])("%s is to stand in quotes", (number) => {
    expect(of(`a: ${number}`)).toEqual([
      expect.stringContaining(`a whole number above 2^53, which changes on its way: put it in quotes ("${number}")`),
    ]);
    expect(of(`a: "${number}"`)).toEqual([]);
  });

  test.each(["9007199254740991", "-9007199254740991", "1e15", "1.5", "0.1"])("%s may stand as it is", (number) => {
    expect(of(`a: ${number}`)).toEqual([]);
  });

  test("__proto__", () => {
    expect(of("a: { __proto__: {x: 1} }")).toEqual([expect.stringContaining("the name __proto__ is not taken")]);
  });
});

test.each([
  ["a.yaml", true, false],
  ["b/a.yml", true, false],
  ["a.YAML", false, true],
  ["a.Yml", false, true],
  ["a.yaml.bak", false, false],
  ["yaml", false, false],
])("the name %s is one of a workload file: %s, or nearly: %s", (path, is, nearly) => {
  expect([isWorkloadFileName(path), isNearlyWorkloadFileName(path)]).toEqual([is, nearly]);
});

test.each<[string, string | Uint8Array, boolean]>([
  ["one", GOOD, true],
  ["one after comments", `# a\n\n---\n${GOOD}`, true],
  ["one in UTF-16", Buffer.from(`\uFEFF${GOOD}`, "utf16le"), true],
  ["JSON", '{\n "kind": "Deployment", "apiVersion": "iot.nationtech.io/v1alpha1"}', true],
  ["one with a typo in the group", GOOD.replace(".io/", ".com/"), true],
  ["a README", `# Hello\n\n${GOOD.replaceAll(/^/gm, "    ")}`, false],
  ["a script", `#!/bin/sh\ncat <<EOF\n${GOOD}EOF\n`, false],
  ["package.json", '{"name": "x", "kind": "none"}', false],
  ["nothing", "", false],
])("%s looks like a Deployment where nobody reads it", (_what, content, looks) => {
  expect(looksLikeDeployment(Buffer.from(content))).toBe(looks);
});
