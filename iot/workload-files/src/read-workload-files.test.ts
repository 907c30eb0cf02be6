import { SCORE_LIMIT_BYTES } from "@iot/contracts";
import { describe, expect, test } from "vitest";
import { FILE_LIMIT_BYTES, type FilesResult, readWorkloadFiles } from "./index.ts";

const GOOD = `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata:
  name: hello-world
spec:
  targetDevices: [pi-demo-01]
  score:
    type: PodmanV0
    data:
      services:
        - name: hello
          image: docker.io/library/nginx:alpine
`;

function read(...texts: readonly (string | Uint8Array)[]): FilesResult {
  return readWorkloadFiles(texts.map((text, index) => ({ path: `${index + 1}.yaml`, content: Buffer.from(text) })));
}

/** As an editor would list them. */
function issuesOf(...texts: readonly (string | Uint8Array)[]): string[] {
  return read(...texts).issues.map(({ file, line, column, path, message }) => `${file}:${line}:${column}: ${path}: ${message}`);
}

test("reads a Deployment with its canonical Score", () => {
  const { deployments, issues, ignored } = read(GOOD);
  expect(issues).toEqual([]);
  expect(ignored).toEqual([]);
  expect(deployments.map(({ file, line, document, scoreString }) => ({ file, line, name: document.metadata.name, scoreString }))).toEqual([
    {
      file: "1.yaml",
      line: 1,
      name: "hello-world",
      scoreString: '{"type":"PodmanV0","data":{"services":[{"image":"docker.io/library/nginx:alpine","name":"hello"}]}}',
    },
  ]);
  expect(deployments[0]?.document.spec.rollout).toEqual({ strategy: "Immediate" });
});

test("places what its caller finds wrong within the Score", () => {
  const [deployment] = read(`# comment\n---\n${GOOD}`).deployments;
  expect(deployment?.line).toBe(3);
  expect(deployment?.place(["spec", "score", "data", "services", 0, "image"])).toEqual({ line: 14, column: 18 });
  expect(deployment?.place(["spec", "score", "data", "services", 0, "ports", 3])).toEqual({ line: 13, column: 11 });
  expect(deployment?.place(["spec", "score", "data", "services"])).toEqual({ line: 12, column: 7 });
});

describe("issues of a Deployment", () => {
  const wrong = (from: string, to: string): string => {
    expect(GOOD).toContain(from);
    return GOOD.replace(from, to);
  };
  test.each([
    ["a name with a dot", wrong("hello-world", "hello.world"), "1.yaml:4:9: metadata.name: expected a DNS label"],
    ["a name that is missing", wrong("  name: hello-world", "  labels: {a: b}"), "1.yaml:3:1: metadata.name: is missing: expected text"],
    ["a name that is a number", wrong("hello-world", "42"), "1.yaml:4:9: metadata.name: expected text, found 42"],
    ["no target devices", wrong("[pi-demo-01]", "[]"), "1.yaml:6:3: spec.targetDevices: expected at least 1"],
    ["doubled target devices", wrong("[pi-demo-01]", "[pi-1, pi-2, pi-1]"), "1.yaml:6:31: spec.targetDevices[2]: names a device twice"],
    ["a device that is no label", wrong("[pi-demo-01]", "\n  - pi-1\n  - PI_2"), "1.yaml:8:5: spec.targetDevices[1]: expected a DNS label"],
    ["devices as text", wrong("[pi-demo-01]", "pi-1"), '1.yaml:6:18: spec.targetDevices: expected a list, found "pi-1"'],
    ["a field that is not known", wrong("  score:", "  scores: {}\n  score:"), "1.yaml:7:3: spec.scores: is not a known field"],
    [
      "a strategy that does not exist",
      `${GOOD}  rollout: { strategy: Canary }\n`,
      '1.yaml:13:24: spec.rollout.strategy: expected "Immediate", found "Canary"',
    ],
    ["a Score without data", wrong("    data:", "    date:"), "1.yaml:7:3: spec.score.data: is missing: expected a map"],
    ["a Score type with a space", wrong("PodmanV0", "Podman V0"), "1.yaml:8:11: spec.score.type: expected the name of a Score variant"],
    [
      "another version of our kind",
      wrong("v1alpha1", "v1beta1"),
      '1.yaml:1:13: apiVersion: expected "iot.nationtech.io/v1alpha1", found "iot.nationtech.io/v1beta1"',
    ],
    ["no apiVersion over our fields", wrong("apiVersion: iot.nationtech.io/v1alpha1\n", ""), "1.yaml:1:1: apiVersion: "],
    [
      "another kind of our group",
      wrong("kind: Deployment", "kind: Deploiement"),
      '1.yaml:2:7: kind: expected "Deployment", found "Deploiement"',
    ],
    [
      "a List",
      `apiVersion: v1\nkind: List\nitems:\n- ${GOOD.replaceAll("\n", "\n  ")}`,
      "1.yaml:2:7: kind: a List of Deployments is not read",
    ],
    ["an alias of no anchor", wrong("hello-world", "*name"), "1.yaml:4:9: metadata.name: the alias *name has no anchor"],
    [
      "a key that stands twice",
      `${GOOD}          image: other\n`,
      "1.yaml:13:11: spec.score.data.services[0].image: stands twice, first on line 12: keep one",
    ],
  ])("%s", (_, text, says) => {
    const issues = issuesOf(text);
    expect(issues.find((issue) => issue.startsWith(says)) ?? issues).toEqual(expect.stringContaining(says));
    expect(read(text).deployments).toEqual([]);
  });

  test("a Score over 128 KiB", () => {
    const fits = SCORE_LIMIT_BYTES - Buffer.byteLength('{"type":"PodmanV0","data":{"big":""}}');
    const text = (length: number): string =>
      `${GOOD.slice(0, GOOD.indexOf("      services"))}      big: ${"é".repeat(length / 2)}${"a".repeat(length % 2)}\n`;
    expect(issuesOf(text(fits))).toEqual([]);
    expect(issuesOf(text(fits + 1))).toEqual([
      "1.yaml:7:3: spec.score: the Score has 129 KiB: at most 128 KiB, put large content into the image",
    ]);
  });
});

describe("issues of a file", () => {
  test.each([
    ["broken YAML", `${GOOD}  - oops: [\n`, /^1\.yaml:1[34]:\d+: : is not valid YAML: /],
    ["a tab for an indentation", GOOD.replace("  name: hello-world", "\tname: hello-world"), /^1\.yaml:4:\d+: : is not valid YAML: Tabs/],
    [
      "bytes that are no UTF-8",
      Buffer.concat([Buffer.from("a: b\nc: "), Buffer.from([0xff, 0xfe])]),
      /^1\.yaml:2:4: : the file is not UTF-8 text/,
    ],
    ["UTF-16", Buffer.from(`\uFEFF${GOOD}`, "utf16le"), /^1\.yaml:1:1: : the file is not UTF-8 text/],
    ["a binary file", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0x00, 0x80, 0x0a, 0xc0]), /not UTF-8/],
    [
      "a file over 1 MiB",
      Buffer.alloc(FILE_LIMIT_BYTES + 1, "#"),
      /^1\.yaml:1:1: : the file has 1025 KiB: at most 1024 KiB are read, split it$/,
    ],
    ["nesting without end", `a: ${"[".repeat(200_000)}`, /nested too deeply/],
  ])("%s", (_, content, says) => {
    expect(issuesOf(content).join("\n")).toMatch(says);
  });

  test("a Score nested deeper than any", () => {
    const text = GOOD.slice(0, GOOD.indexOf("      services")) + `      a: ${"[".repeat(150)}${"]".repeat(150)}\n`;
    expect(issuesOf(text)).toEqual(["1.yaml:10:107: spec.score.data.a[0]: is nested deeper than 100"]);
  });

  test.each([9, 20])("an alias bomb of %i levels", (levels) => {
    const rows = Array.from({ length: levels }, (_, level) =>
      level === 0 ? `        a0: &a0 [x, x]` : `        a${level}: &a${level} [${`*a${level - 1}, `.repeat(9)}]`,
    );
    const text = `${GOOD.slice(0, GOOD.indexOf("      services"))}      bomb:\n${rows.join("\n")}\n`;
    expect(issuesOf(text)).toEqual(["1.yaml:1:1: : aliases (*name) would make it larger than 1024 KiB: write it out, and shorter"]);
  });

  test("more than a person fixes at once", () => {
    const issues = issuesOf(`${GOOD}      many: [${"yes, ".repeat(5_000)}]\n`);
    expect(issues).toHaveLength(21);
    expect(issues.at(-1)).toBe("1.yaml:13:114: : and 4980 more from here on");
  });

  test("a text that is said again and again", () => {
    const again = `      big: &big ${"x".repeat(100_000)}\n      again: [${"*big, ".repeat(50)}]\n`;
    expect(issuesOf(GOOD + again)).toEqual([expect.stringContaining("aliases (*name) would make it larger than 1024 KiB")]);
  });

  test("aliases without number", () => {
    expect(issuesOf(`${GOOD}      one: &one 1\n      many: [${"*one, ".repeat(150_000)}]\n`)).toEqual([
      "1.yaml:1:1: : has 150000 aliases (*name): at most 1000 are followed",
    ]);
  });

  test("an anchor that contains itself", () => {
    expect(issuesOf(`${GOOD}      loop: &loop { again: *loop }\n`)).toEqual([
      "1.yaml:13:28: spec.score.data.loop.again: the anchor &loop contains itself",
    ]);
  });

  test("takes anchors and aliases in reason", () => {
    const text = GOOD.replace("- name: hello", "- &hello\n          name: hello") + "        - *hello\n";
    expect(read(text).deployments[0]?.scoreString).toContain(
      '"services":[{"image":"docker.io/library/nginx:alpine","name":"hello"},{"image"',
    );
  });

  test("looks for doubled keys in a large map without comparing each with each", () => {
    const keys = Array.from({ length: 50_000 }, (_, index) => `        k${index}: 1\n`).join("");
    const text = `${GOOD.slice(0, GOOD.indexOf("      services"))}      many:\n${keys}`;
    expect(issuesOf(text)).toEqual([expect.stringContaining("the Score has")]);
  });
});

describe("two of one name", () => {
  test("name each other", () => {
    expect(issuesOf(GOOD, `# copy\n${GOOD}`)).toEqual([
      '2.yaml:5:9: metadata.name: "hello-world" is also the name of the Deployment at 1.yaml:4: give one of them another name',
    ]);
    expect(issuesOf(`${GOOD}---\n${GOOD}`)).toEqual([expect.stringMatching(/^1\.yaml:17:9: .* at 1\.yaml:4:/)]);
  });

  test("may stand in two namespaces that are named", () => {
    const inNamespace = (namespace: string): string => GOOD.replace("hello-world", `hello-world\n  namespace: ${namespace}`);
    expect(issuesOf(inNamespace("a"), inNamespace("b"))).toEqual([]);
    expect(issuesOf(inNamespace("a"), inNamespace("a"))).toHaveLength(1);
    expect(issuesOf(inNamespace("a"), GOOD)).toHaveLength(1);
  });
});

describe("what is not ours", () => {
  test("is left alone, whatever stands in it", () => {
    const { issues, ignored, deployments } = read(
      "apiVersion: v1\nkind: ConfigMap\ndata: {a: yes, a: 0755}\n---\nresources: [deployment.yaml]\n---\n- a\n---\njust text\n---\n# nothing\n",
      "",
      "# only a comment\n",
      GOOD,
    );
    expect(issues).toEqual([]);
    expect(ignored).toEqual([
      { file: "1.yaml", line: 1, kind: "ConfigMap" },
      { file: "1.yaml", line: 5, kind: "" },
      { file: "1.yaml", line: 7, kind: "" },
      { file: "1.yaml", line: 9, kind: "" },
    ]);
    expect(deployments).toHaveLength(1);
  });

  test("but Kubernetes' own Deployment is not taken for ours", () => {
    expect(read("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n").ignored).toEqual([
      {
        file: "1.yaml",
        line: 1,
        kind: "Deployment",
        hint: "this is Kubernetes' own Deployment (apps/v1): devices take apiVersion: iot.nationtech.io/v1alpha1",
      },
    ]);
  });
});

describe("a Device", () => {
  const device = (name: string, rest = ""): string =>
    `apiVersion: iot.nationtech.io/v1alpha1\nkind: Device\nmetadata: { name: ${name}, labels: { site: plant-7 } }\n${rest}`;

  test("is read beside Deployments, with what people say of it", () => {
    const { devices, deployments, issues } = read(
      `${GOOD}---\n${device("pi-1", "spec: { displayName: press 1, allowedNamespaces: [plant] }\n")}`,
      device("pi-2"),
    );
    expect(issues).toEqual([]);
    expect(deployments).toHaveLength(1);
    expect(devices.map(({ document: { metadata, spec } }) => [metadata.name, metadata.labels, spec])).toEqual([
      ["pi-1", { site: "plant-7" }, { displayName: "press 1", allowedNamespaces: ["plant"] }],
      ["pi-2", { site: "plant-7" }, undefined],
    ]);
  });

  test.each([
    ["no namespace is allowed", device("pi-1", "spec: { allowedNamespaces: [] }\n"), /^1\.yaml:4:\d+: spec\.allowedNamespaces: /],
    ["a field that it does not have", device("pi-1", "spec: { targetDevices: [pi-1] }\n"), /spec.*targetDevices/],
    ["a name with a dot", device("pi.1"), /metadata\.name: expected a DNS label/],
    ["a label that is none", device("pi-1").replace("plant-7", "plant 7"), /metadata\.labels\.site: expected the value of a label/],
  ])("is refused: %s", (_what, text, issue) => {
    expect(issuesOf(text)[0]).toMatch(issue);
    expect(read(text).devices).toEqual([]);
  });

  test("stands in one place", () => {
    expect(issuesOf(device("pi-1"), device("pi-1"))).toEqual([
      '2.yaml:3:19: metadata.name: "pi-1" is also the name of the Device at 1.yaml:3: write one of them',
    ]);
  });
});
