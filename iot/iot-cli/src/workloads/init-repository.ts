// A workload repository to begin with: a deployment.yaml that an editor completes and checks as it
// is typed (by the JSON Schema beside it), a README that says all there is to do, and a repository
// of its own with a first commit of these. What is there already is left as it is.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "@harmony/runtime";
import { API_GROUP, asDeviceId, DEPLOYMENT_KIND } from "@iot/contracts";
import deploymentSchema from "@iot/contracts/deployment.schema.json" with { type: "json" };
import { isDnsLabel } from "@harmony/schema";
import { IMAGE_FIELD, IMAGES_CONFIGURATION } from "./kustomize-warnings.ts";

const SCHEMA_FILE = ".iot/deployment.schema.json";

/** Read when a kustomization.yaml names it. */
const KUSTOMIZE = `# For a kustomization.yaml beside it: "configurations: [${IMAGES_CONFIGURATION}]" lets its "images" reach those of a Deployment.
images:
  - path: ${IMAGE_FIELD}
    group: ${API_GROUP}
    kind: ${DEPLOYMENT_KIND}
`;

/**
 * Neither a filter nor another encoding comes between what is written and what the operator reads.
 */
const ATTRIBUTES = `# The operator reads these files from git as they are committed: as text, with no filter such as Git LFS or git-crypt.
*.yaml text eol=lf -filter diff merge -working-tree-encoding
*.yml text eol=lf -filter diff merge -working-tree-encoding
`;

type Env = Readonly<Record<string, string | undefined>>;

export interface InitResult {
  readonly made: readonly string[];
  readonly kept: readonly string[];
  /** `repository`: git's own folder is there now, with a first commit of what was made. */
  readonly git: "repository" | "was there" | "no git";
}

/** @throws UserError */
export async function initRepository(folder: string, device: string, env: Env = process.env): Promise<InitResult> {
  try {
    asDeviceId(device);
  } catch (cause) {
    throw new UserError(cause instanceof Error ? cause.message : String(cause), 1, { cause });
  }
  const made: string[] = [];
  const kept: string[] = [];
  for (const [name, text] of repositoryFiles(deploymentNameFor(folder), device)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    try {
      await writeFile(path, text, { flag: "wx" });
      made.push(name);
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST"))
        throw new UserError(`cannot write ${path}`, 1, { cause });
      kept.push(name);
    }
  }
  return { made, kept, git: makeGitRepository(folder, { made, env }) };
}

export function repositoryFiles(name: string, device: string): ReadonlyMap<string, string> {
  return new Map([
    ["deployment.yaml", deploymentText(name, device)],
    ["README.md", readmeText(name)],
    [SCHEMA_FILE, `${JSON.stringify(deploymentSchema, null, 2)}\n`],
    [IMAGES_CONFIGURATION, KUSTOMIZE],
    [".gitattributes", ATTRIBUTES],
  ]);
}

function deploymentText(name: string, device: string): string {
  return `# yaml-language-server: $schema=${SCHEMA_FILE}
apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata:
  name: ${quoted(name)}
spec:
  targetDevices: [${quoted(device)}]
  score:
    type: PodmanV0
    data:
      services:
        - name: web
          image: docker.io/library/nginx:alpine
          ports: ["8080:80"]
`;
}

function readmeText(name: string): string {
  return `# ${name}
Edit this, git push, done.
\`deployment.yaml\` says what runs on which devices; \`iot lint .\` says beforehand what would be wrong with it,
and \`iot status\` afterwards how it goes.
`;
}

/** A label may read as a number, \`on\` or \`0755\`. */
function quoted(label: string): string {
  return /^[a-z]+-|^[a-z]{4,}/.test(label) && !/^(true|false|null)$/.test(label) ? label : JSON.stringify(label);
}

function deploymentNameFor(folder: string): string {
  const name = basename(resolve(folder)).toLowerCase();
  return isDnsLabel(name) ? name : "hello-world";
}

/** Its own, also within another: who pushes this folder pushes nothing else. */
function makeGitRepository(folder: string, { made, env }: { readonly made: readonly string[]; readonly env: Env }): InitResult["git"] {
  if (existsSync(join(folder, ".git"))) return "was there";
  const git = (...args: string[]) => spawnSync("git", ["-C", folder, ...args], { encoding: "utf8", env });
  const need = (what: string, { status, stderr }: ReturnType<typeof git>): void => {
    if (status !== 0) throw new UserError(`${what} failed in ${folder}: ${stderr.trim()}`);
  };
  const begun = git("init", "--quiet", "--initial-branch=main");
  if (begun.error !== undefined) return "no git";
  need("git init", begun);
  need("git add", git("add", "--force", "--", ...made));
  // A machine where nobody has said who they are still gets a first commit.
  const isNamed = git("config", "user.name").status === 0 && git("config", "user.email").status === 0;
  const someone = isNamed ? [] : ["-c", "user.name=iot init", "-c", "user.email=iot-init@localhost"];
  need("git commit", git(...someone, "commit", "--quiet", "--no-verify", "--message", "A workload repository, as iot init makes it"));
  return "repository";
}

/** With the folder that it is all in, whichever one the command was typed in. */
export function renderInit(folder: string, { made, kept, git }: InitResult): string {
  const at = resolve(folder);
  const after = {
    repository: `made  ${join(at, ".git")}, with a first commit of these`,
    "was there": `kept  ${join(at, ".git")}, which was there: git add and git commit what is new`,
    "no git": `git is not installed here: install it, then git init ${at}`,
  };
  const lines = [
    ...made.map((file) => `made  ${join(at, file)}`),
    ...kept.map((file) => `kept  ${join(at, file)}, which was there`),
    after[git],
    `Edit ${join(at, "deployment.yaml")}, then: iot lint ${at}, git commit, git push.`,
  ];
  return `${lines.join("\n")}\n`;
}
