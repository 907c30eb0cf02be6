import { spawnSync } from "node:child_process";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import deploymentSchema from "@iot/contracts/deployment.schema.json" with { type: "json" };
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { findFiles } from "./find-files.ts";
import { initRepository, renderInit, repositoryFiles } from "./init-repository.ts";
import { lintFiles } from "./lint-files.ts";

describe("a new repository", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "iot-init-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("passes lint, is a git repository, and names its schema", async () => {
    const result = await initRepository(join(folder, "line-4"), "pi-7");
    const made = ["deployment.yaml", "README.md", ".iot/deployment.schema.json", ".iot/kustomize.yaml", ".gitattributes"];
    expect(result).toEqual({ made, kept: [], git: "repository" });
    expect(committed("line-4")).toEqual(made.toSorted());
    const at = join(folder, "line-4");
    expect(renderInit(at, result)).toBe(
      [
        ...made.map((file) => `made  ${at}/${file}`),
        `made  ${at}/.git, with a first commit of these`,
        `Edit ${at}/deployment.yaml, then: iot lint ${at}, git commit, git push.`,
        "",
      ].join("\n"),
    );
    const { files, unread } = await findFiles([join(folder, "line-4")]);
    expect(lintFiles(files, unread)).toEqual({ findings: [], deployments: 1 });
    const text = await readFile(join(folder, "line-4/deployment.yaml"), "utf8");
    const schema = /\$schema=(.*)/.exec(text)?.[1] ?? "";
    await access(join(folder, "line-4", schema));
    expect(text).toContain("name: line-4");
    expect(text).toContain("targetDevices: [pi-7]");
    expect((await readFile(join(folder, "line-4/README.md"), "utf8")).trimEnd().split("\n")).toHaveLength(4);
  });

  test("keeps what is there", async () => {
    await writeFile(join(folder, "deployment.yaml"), "mine");
    const { made, kept } = await initRepository(folder, "pi-7");
    expect(kept).toEqual(["deployment.yaml"]);
    expect(made).toEqual(["README.md", ".iot/deployment.schema.json", ".iot/kustomize.yaml", ".gitattributes"]);
    expect(await readFile(join(folder, "deployment.yaml"), "utf8")).toBe("mine");
  });

  test("is a repository of its own within another, and on a machine where nobody has a name", async () => {
    spawnSync("git", ["-C", folder, "init", "--quiet"]);
    const nobody = { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
    expect((await initRepository(join(folder, "inner"), "pi-7", nobody)).git).toBe("repository");
    expect(committed("inner")).toContain("deployment.yaml");
    const again = await initRepository(join(folder, "inner"), "pi-7");
    expect(again).toMatchObject({ made: [], git: "was there" });
    expect(renderInit(folder, again)).toContain(`kept  ${folder}/.git, which was there: git add and git commit what is new\n`);
  });

  test("without git is there, too, and says what to do", async () => {
    const result = await initRepository(join(folder, "plain"), "pi-7", { PATH: folder });
    expect(result.git).toBe("no git");
    expect(renderInit(join(folder, "plain"), result)).toContain(`git is not installed here: install it, then git init ${folder}/plain\n`);
  });

  /** The files of its one commit. */
  function committed(name: string): string[] {
    const git = (...args: string[]): string => spawnSync("git", ["-C", join(folder, name), ...args], { encoding: "utf8" }).stdout;
    expect(git("log", "--format=%s")).toBe("A workload repository, as iot init makes it\n");
    expect(git("status", "--porcelain")).toBe("");
    return git("ls-files").trim().split("\n").toSorted();
  }

  test("refuses a device that is no DNS label", async () => {
    await expect(initRepository(folder, "Pi.7")).rejects.toThrow('device id "Pi.7" has "P"');
  });

  test.each(["on", "yes", "0755", "80", "true", "null", "1e3", "pi-1", "hello-world", "n"])("quotes the name %s if it must", (name) => {
    const text = repositoryFiles(name, name).get("deployment.yaml") ?? "";
    expect(lintFiles([{ path: "deployment.yaml", content: Buffer.from(text) }]).findings).toEqual([]);
  });
});

describe("its schema, as an editor uses it", () => {
  const validate = new Ajv({ strict: false, allErrors: true }).compile(deploymentSchema);
  const [generated = ""] = repositoryFiles("hello-world", "pi-1").values();
  test("takes the deployment.yaml that is made", () => {
    validate(parse(generated));
    expect(validate.errors).toBeNull();
  });

  test.each([
    ["image:", "environment: {}\n          image:", "/spec/score/data/services/0"],
    ['["8080:80"]', "8080", "/spec/score/data/services/0/ports"],
    ["[pi-1]", "[]", "/spec/targetDevices"],
    ["hello-world", "hello.world", "/metadata/name"],
    ["PodmanV0", "Podman V0", "/spec/score/type"],
    ["v1alpha1", "v1", "/apiVersion"],
    ["image: docker", "user: docker", "/spec/score/data/services/0"],
  ])("refuses %s as %s", (from, to, path) => {
    expect(generated).toContain(from);
    expect(validate(parse(generated.replace(from, to)))).toBe(false);
    expect(validate.errors?.map(({ instancePath }) => instancePath)).toContain(path);
  });

  test("leaves a Score of another type to its device", () => {
    expect(validate(parse(generated.replace("PodmanV0", "OkdApplyV0").replace("services:", "objects:")))).toBe(true);
  });
});
