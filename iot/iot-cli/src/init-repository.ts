// A workload repository to begin with: a deployment.yaml that an editor completes and checks as it
// is typed (by the JSON Schema beside it), and a README that says all there is to do. What is there
// already is left as it is.

import { spawnSync } from "node:child_process";
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

export interface InitResult {
  readonly made: readonly string[];
  readonly kept: readonly string[];
  readonly madeRepository: boolean;
}

/** @throws UserError */
export async function initRepository(folder: string, device: string): Promise<InitResult> {
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
  return { made, kept, madeRepository: makeGitRepository(folder) };
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

/** False: a repository is already around it, or git is not there. */
function makeGitRepository(folder: string): boolean {
  const git = (...args: string[]) => spawnSync("git", ["-C", folder, ...args], { encoding: "utf8" });
  const inside = git("rev-parse", "--is-inside-work-tree");
  if (inside.error !== undefined || inside.status === 0) return false;
  const { status, stderr } = git("init", "--quiet", "--initial-branch=main");
  if (status !== 0) throw new UserError(`git init failed in ${folder}: ${stderr.trim()}`);
  return true;
}
