// Whatever this package takes, the real kubectl reads as the same value. `kubectl label --local`
// parses as apply does and needs no cluster. Three corpora: written ones by a table, scalars at
// random against the resolver, and fragments of YAML at random.

import { parseJson } from "@harmony/schema";
import { Deployment, scoreString } from "@iot/contracts";
import { kubernetesPrograms, run } from "@iot/testkit";
import { constantFrom, sample, string } from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { readWorkloadFiles } from "../src/index.ts";
import { readAsKubectl } from "../src/kubectl-scalar.ts";

const HEAD = `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: {name: corpus}
spec:
  targetDevices: [pi-1]
  score:
    type: PodmanV0
    data:
`;

let kubectlProgram = "";
beforeAll(async () => {
  kubectlProgram = (await kubernetesPrograms()).kubectl;
});

function workload(data: string, name = "corpus"): string {
  return `${HEAD.replace("corpus", name)}${data
    .split("\n")
    .map((line) => (line === "" ? "" : `      ${line}`))
    .join("\n")}\n`;
}

/** What we would send of a file, or why not. */
function ours(text: string): { scores: string[] } | { refused: string } {
  const { deployments, issues } = readWorkloadFiles([{ path: "corpus.yaml", content: Buffer.from(text) }]);
  return issues.length > 0
    ? { refused: issues.map(({ path, message }) => `${path}: ${message}`).join("\n") }
    : { scores: deployments.map((d) => d.scoreString) };
}

/** What kubectl would send of it, as the same canonical strings, or what it says. */
async function kubectls(text: string): Promise<{ scores: string[] } | { refused: string }> {
  const argv = [kubectlProgram, "label", "--local", "--filename", "-", "corpus=yes", "--output", "json"];
  const { exitCode, stdout, stderr } = await run(argv, { stdin: text, env: { KUBECONFIG: "/dev/null" }, allowExitCodes: [0, 1] });
  if (exitCode !== 0) return { refused: stderr };
  const objects = stdout.split(/(?<=^\})\n/m).filter((object) => object.trim() !== "");
  return {
    scores: objects.map((object) => {
      const parsed = parseJson(Deployment, object);
      if (!parsed.ok) throw new Error(`kubectl gave ${object}`);
      return scoreString(parsed.value.spec.score);
    }),
  };
}

const TAKEN: readonly string[] = [
  "a: text",
  'a: "yes"',
  "a: 'no'",
  "a: true\nb: false\nc: null\nd: ~\ne:",
  "a: True\nb: FALSE\nc: Null",
  "a: 0\nb: 8080\nc: -1\nd: +1\ne: 1.5\nf: -0.25\ng: 1e3\nh: 1.0\ni: .5\nj: 5.\nk: -0",
  "a: 0x1F\nb: 0o17",
  "a: 9007199254740991",
  "ports: [8080:80, 127.0.0.1:8080:80/udp]",
  "ports:\n- 8080:80\n- '443:443'",
  "a: 1:30\nb: 2024-01-01\nc: 2024-01-01T10:00:00Z\nd: 1.2.3\ne: 10m\nf: 256Mi",
  "a: 2024-01-01 10:00:00",
  "a: =\nb: a=b\nd: --flag\ne: a#b\nf: a:b",
  "80: a\n443: b\n0: c",
  "a: !!str 0755\nb: !!str yes",
  "a: &x text\nb: *x\nc: &y {d: 1}\ne: *y\nf: [*x, *y]",
  "a: |\n  one\n  two\nb: after",
  "a: |-\n  one\n\n  two\nb: after",
  "a: |+\n  one\n\nb: after",
  "a: >\n  one\n  two\n\n  three\nb: after",
  "a: >-\n  one\n    two\n  three\nb: after",
  "a: |2\n    one\n  two\nb: after",
  "a: one\n  two\n\n  three\nb: after",
  'a: "one\n  two\n\n  three \\\n  four"\nb: after',
  "a: 'one\n  two\n\n  it''s'\nb: after",
  String.raw`a: "\t\n\\\"\x41\u00e9\U0001F600\0\e\a\_\N\L\P"`,
  "a: é 😀 日本",
  "a: {b: 1, c: [1, 2, {d: e}], }",
  "a: [\n  one,\n  two\n  ]",
  "a: [one two, 'x', \"y\"]",
  "a: # comment\n  b: 1 # comment\n# comment\nc: 2",
  "a: []\nb: {}\nc: ''",
  "a:\n- b\n-\n  c: 1\n  d: 2\n- - e\n  - f",
  "? a\n: b",
  "\"a b\": 1\n'c': 2\nd e: 3",
  "a: \tb",
  "a: b\t",
  "a: 'b'\t# c",
];

const REFUSED: readonly (readonly [data: string, says: string])[] = [
  ...["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"].map(
    (word) => [`a: ${word}`, `kubectl would read ${word} as true: quote it`] as const,
  ),
  ...["n", "N", "no", "No", "NO", "off", "Off", "OFF"].map(
    (word) => [`a: ${word}`, `kubectl would read ${word} as false: quote it`] as const,
  ),
  ["a: 0755", "as the number 493"],
  ["a: -010", "as the number -8"],
  ["a: 1_000", "as the number 1000"],
  ["a: 1_0.5", "as the number 10.5"],
  ["a: 0b11", "as the number 3"],
  ["a: 0X1F", "as the number 31"],
  ["a: -0x1F", "as the number -31"],
  ["a: 0O17", "as the number 15"],
  ["a: .inf", "infinity, which it cannot send"],
  ["a: -.Inf", "infinity"],
  ["a: .nan", "not-a-number"],
  ["a: 9007199254740993", "as the number 9007199254740993"],
  ["a: 18446744073709551615", "as the number 18446744073709551615"],
  ["a: 1e400", "as text"],
  ["yes: a", "the key yes as true"],
  ["on: a", "the key on as true"],
  ["0755: a", "the key 0755"],
  ["1.5: a", "the key 1.5"],
  ["~: a", "the key ~ as null"],
  ["true: a", "the key true as true"],
  ["? [a]\n: b", "a key that is not text"],
  ["b: &x a\n*x : c", "a key that is not text"],
  ["a: &x {b: 1}\nc: {<<: *x}", "merge key"],
  ["a: 1\nb: 2\na: 3", "stands twice, first on line 9"],
  ["a: !!int '5'", "the tag !!int"],
  ["a: !!binary aGk=", "the tag !!binary"],
  ["a: !own {b: 1}", "the tag !own"],
  ["a: ! 07", "the tag !"],
  [String.raw`a: "a\/b"`, String.raw`has the escape \/`],
  ["a: &a [*a]", "the anchor &a contains itself"],
  ["a: *b", "the alias *b has no anchor"],
  ["a: b\u2028c", "U+2028"],
  ["a: b\u0085c", "U+0085"],
  ["a: b\u0007c", "U+0007"],
];

describe("written corpus", () => {
  test.each(TAKEN)("takes as kubectl does: %j", async (data) => {
    const text = workload(data);
    const mine = ours(text);
    expect(mine).toHaveProperty("scores");
    expect(mine).toEqual(await kubectls(text));
  });

  test.each(REFUSED)("refuses %j: %s", (data, says) => {
    expect(ours(workload(data))).toHaveProperty("refused", expect.stringContaining(says));
  });

  test.each([
    ["two documents", `${workload("a: 1")}---\n${workload("a: 2", "second")}`],
    ["a comment beside the separator", `--- # first\n${workload("a: 1")}`],
    ["separators without content", `---\n---\n# nothing\n---\n${workload("a: 1")}---\n`],
    ["a byte order mark", `\uFEFF${workload("a: 1")}`],
    ["Windows' line ends", workload("a: |\n  one\n  two\nb: one\n  two").replaceAll("\n", "\r\n")],
    ["a document end", `${workload("a: 1")}...\n`],
    [
      "JSON",
      JSON.stringify(
        {
          apiVersion: "iot.nationtech.io/v1alpha1",
          kind: "Deployment",
          metadata: { name: "x" },
          spec: { targetDevices: ["pi-1"], score: { type: "X", data: { a: "é", b: 1.5 } } },
        },
        null,
        2,
      ),
    ],
  ])("takes %s as kubectl does", async (_, text) => {
    const mine = ours(text);
    expect(mine).toHaveProperty("scores");
    expect(mine).toEqual(await kubectls(text));
  });

  test.each([
    ["what follows the end of a document", `${workload("a: 1")}...\n${workload("a: 2")}`, "kubectl does not read on after"],
    ["content beside the separator", `${workload("a: 1")}--- {apiVersion: iot.nationtech.io/v1alpha1}\n`, "content on the line of `---`"],
    ["a directive", `%YAML 1.2\n---\n${workload("a: 1")}`, "%YAML directive"],
    ["an older directive", `%YAML 1.1\n---\n${workload("a: 1")}`, "%YAML directive"],
  ])("refuses %s", (_, text, says) => {
    expect(ours(text)).toHaveProperty("refused", expect.stringContaining(says));
  });
});

test("reads any plain scalar as kubectl does", async () => {
  const piece = constantFrom(
    ...Array.from("0123456789_.+-eExXoObBaf:yYnN~"),
    "0",
    "0x",
    "0o",
    "0b",
    "yes",
    "no",
    "On",
    "OFF",
    "true",
    "null",
    "inf",
    "nan",
    "1",
    "e3",
    "_",
  );
  const texts = sample(string({ unit: piece, minLength: 1, maxLength: 8 }), { numRuns: 6_000, seed: 1 });
  const plain = [...new Set(texts)].filter((text) => {
    const kind = readAsKubectl(text).kind;
    return kind !== "unspeakable" && !/^(-+|[:?].*|.*:|~.+|---.*)$/.test(text) && !text.includes("<");
  });
  const text = `apiVersion: v1\nkind: Corpus\nmetadata: {name: corpus}\nvalues:\n${plain.map((scalar) => `- ${scalar}\n`).join("")}`;
  const argv = [kubectlProgram, "label", "--local", "--filename", "-", "corpus=yes", "--output", "json"];
  const { stdout } = await run(argv, { stdin: text, env: { KUBECONFIG: "/dev/null" } });
  // Numbers stay as written, so that whole ones are compared to the last digit.
  const lines = stdout
    .slice(stdout.indexOf('"values": [') + 11)
    .split("\n")
    .slice(1, plain.length + 1);
  const kubectl = lines.map((line) => line.trim().replace(/,$/, ""));
  const mine = plain.map((scalar) => {
    const read = readAsKubectl(scalar);
    if (read.kind === "text") return JSON.stringify(scalar);
    if (read.kind === "null" || read.kind === "unspeakable") return "null";
    return read.kind === "float" ? read.value : String(read.value);
  });
  const differing = plain.flatMap((scalar, index) => {
    const [a, b] = [mine[index], kubectl[index]];
    return (typeof a === "number" ? a === Number(b) : a === b) ? [] : [{ scalar, mine: a, kubectl: b }];
  });
  expect(plain.length).toBeGreaterThan(3_000);
  expect(differing).toEqual([]);
});

test("takes no fragment of YAML that kubectl reads otherwise", async () => {
  const token = constantFrom(
    ...Array.from("abn01"),
    ": ",
    ":",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "#",
    " #",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "|",
    ">",
    "|-\n  ",
    ">+\n  ",
    "? ",
    "&x ",
    "*x",
    "!!str ",
    "\\n",
    "\\/",
    "\\x41",
    "yes",
    "0o7",
    "1_0",
    "''",
    "...",
    "---",
    "%",
    "@",
    "é",
    "<<: ",
    "key: ",
    "\nk: ",
    "\nl: ",
    "~",
    "-",
    "\r\n",
  );
  const fragments = sample(string({ unit: token, minLength: 1, maxLength: 12 }), { numRuns: 12_000, seed: 2 });
  const taken = [...new Set(fragments)]
    .map((fragment) => workload(`a: ${fragment}`))
    .filter((text) => {
      const mine = ours(text);
      return "scores" in mine && mine.scores.length === 1;
    });
  expect(taken.length).toBeGreaterThan(500);
  expect(await differing(taken)).toEqual([]);
});

/**
 * Many documents are one call; halves them where kubectl refuses one, which is no difference:
 * nothing is read otherwise.
 */
async function differing(texts: readonly string[]): Promise<string[]> {
  const kubectl = await kubectls(texts.join("---\n"));
  if ("scores" in kubectl && kubectl.scores.length === texts.length) {
    return texts.filter((text, index) => {
      const mine = ours(text);
      return !("scores" in mine) || mine.scores[0] !== kubectl.scores[index];
    });
  }
  if (texts.length <= 1) return "refused" in kubectl ? [] : [...texts];
  const middle = texts.length >> 1;
  return [...(await differing(texts.slice(0, middle))), ...(await differing(texts.slice(middle)))];
}
