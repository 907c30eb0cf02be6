// `iot` as a person gets it: one file for any Node, and a Debian package with an executable. Both
// are used from a folder of the person's own.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { buildDebianPackage, buildExecutable, bundle, copyrightFile, hostTarget, IOT, versionOfCommit } from "@iot/build";
import { makeTempFolder, run, type RunResult, type TempFolder } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMMANDS } from "../src/commands.ts";

const MAIN = join(import.meta.dirname, "../src/main.ts");
/** Prints what the process took of the processor, in milliseconds. */
const SAY_CPU =
  "process.on('exit',()=>{const {user,system}=process.cpuUsage();process.stderr.write(String(Math.round((user+system)/1000)))})";
const CPU_BUDGET_MS = 150;

let folder: TempFolder;
let forms: { readonly mjs: readonly string[]; readonly executable: readonly string[] };
let root: string;

beforeAll(async () => {
  folder = await makeTempFolder("iot");
  const [target, version] = [hostTarget(), await versionOfCommit()];
  const [mjs, executable] = [join(folder.path, "iot.mjs"), join(folder.path, "iot")];
  const built = await buildExecutable({ program: IOT, target, version, path: executable });
  await bundle({ program: IOT, version, format: "mjs", outfile: mjs });
  const copyright = await copyrightFile(target, built, IOT);
  const into = folder.path;
  const debianPackage = await buildDebianPackage({ program: IOT, target, executable, copyright, version, compression: "fast", into });
  root = join(folder.path, "root");
  await run(["dpkg-deb", "--extract", debianPackage, root]);
  forms = { mjs: [process.execPath, mjs], executable: [join(root, "usr/bin/iot")] };
});
afterAll(() => folder.remove());

function iot(form: keyof typeof forms, ...args: readonly string[]): Promise<RunResult> {
  return run([...forms[form], ...args], { cwd: folder.path, allowExitCodes: [0, 1, 2, 3] });
}

test.each(["mjs", "executable"] as const)(
  "%s: paths are of the folder that a person is in, and it does what the sources do",
  async (form) => {
    const version = (await versionOfCommit()).debian;
    expect(await iot(form, "--version")).toEqual({ exitCode: 0, stdout: `iot ${version}\n`, stderr: "" });
    expect(await iot(form, "init", `line-${form}`)).toMatchObject({ exitCode: 0 });
    expect(await readdir(join(folder.path, `line-${form}`))).toContain("deployment.yaml");
    expect(await iot(form, "lint", `line-${form}`)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^1 file, 1 deployment:/) as unknown,
    });
    const cloudInit = await run([process.execPath, MAIN, "provision", "--cloud-init"]);
    expect(await iot(form, "provision", "--cloud-init")).toEqual(cloudInit);
    expect(await iot(form, "status", "--nats", "127.0.0.1:1")).toMatchObject({ exitCode: 3 });
  },
);

test(`--help takes at most ${CPU_BUDGET_MS} ms of the processor`, async () => {
  const [node = "", file = ""] = forms.mjs;
  const taken: number[] = [];
  for (let time = 0; time < 3; time += 1) {
    const { stderr } = await run([node, "--import", `data:text/javascript,${SAY_CPU}`, file, "--help"]);
    taken.push(Number(stderr));
  }
  expect(Math.min(...taken)).toBeLessThanOrEqual(CPU_BUDGET_MS);
});

test("the package has the manual, which man reads without a warning, and the completion, which bash obeys", async () => {
  const manual = await run(["man", "--warnings", "--local-file", join(root, "usr/share/man/man1/iot.1.gz")], { env: { MANWIDTH: "80" } });
  expect(manual.stderr).toBe("");
  for (const { name } of COMMANDS) expect(manual.stdout).toMatch(new RegExp(`^ +iot ${name}`, "m"));
  const completion = join(root, "usr/share/bash-completion/completions/iot");
  const completed = async (...words: readonly string[]): Promise<string> => {
    const script = `source ${completion}; COMP_WORDS=(iot ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; _iot; echo "\${COMPREPLY[*]}"`;
    return (await run(["bash", "-c", script])).stdout.trim();
  };
  expect(await completed("sta")).toBe("status");
  expect(await completed("explain", "hello", "--j")).toBe("--json");
  for (const { name } of COMMANDS) expect((await completed(...name.split(" "))).split(" ")).toContain(name.split(" ").at(-1));
});
