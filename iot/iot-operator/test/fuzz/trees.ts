// Trees of git, and changes of them, by what has surprised readers before: a file that stands and
// gives nothing, other names and kinds of entries, paths and texts at their limits.

import { createHash } from "node:crypto";
import { type Random, YAML_ATOMS } from "@iot/testkit";
import { FILE_LIMIT_BYTES } from "@iot/workload-files";

export interface Entry {
  readonly mode: "100644" | "100755" | "120000" | "160000";
  readonly content: Buffer;
}

export type Tree = ReadonlyMap<string, Entry>;

/** One of so many texts is as large as a file may be. */
const LARGE_ONE_IN = 400;
const FOLDERS = ["", "", "site/", "site/a/", ".hidden/", "a b/", "é/", "d/".repeat(63), "..../"];
const ENDINGS = [
  ".yaml",
  ".yml",
  ".YAML",
  ".Yml",
  ".yaml.bak",
  ".yaml~",
  "",
  ".json",
  ".yaml.off",
  ".yaml\n",
  "\u202e.yaml",
  ".yaml/x.yaml",
];
const ODD = [
  "\n",
  "\t",
  "\u001b[31m",
  "\u202e",
  "\\",
  '"',
  "'",
  "*",
  "?",
  "[",
  " ",
  "..",
  "#",
  ":",
  "-",
  "\ud83d\ude00",
  "\u0085",
  "x".repeat(1_020),
];
const TRAILERS = [
  "default/d0",
  "default/d1, default/d2",
  "",
  ",",
  "/",
  "default/",
  "*",
  "default/d0/x",
  "DEFAULT/D0",
  "x".repeat(10_000),
  "default/d3\u0000",
];

export function trailersOf(random: Random): string[] {
  return random(4) > 0 ? [] : Array.from({ length: 1 + random(2) }, () => TRAILERS[random(TRAILERS.length)] ?? "");
}

/** Some files, each with a Deployment or two. */
export function someTree(random: Random): Tree {
  const tree = new Map<string, Entry>([["README.md", file("words")]]);
  for (let left = 1 + random(5); left > 0; left -= 1) tree.set(`${folder(random)}f${left}.yaml`, file(workloads(left, random)));
  return tree;
}

export function changedTree(before: Tree, random: Random): Tree {
  const tree = new Map(before);
  for (let left = 1 + random(3); left > 0; left -= 1) change(tree, random);
  return tree;
}

/** As `git ls-tree -r -l -z` gives it. */
export function listed(tree: Tree): string {
  const line = ([path, { mode, content }]: [string, Entry]): string => {
    const type = mode === "160000" ? "commit" : "blob";
    return `${mode} ${type} ${oidOf(content)} ${(type === "commit" ? "-" : String(content.length)).padStart(7)}\t${path}\0`;
  };
  return [...tree].map(line).join("");
}

export function oidOf(content: Buffer): string {
  return createHash("sha1").update(content).digest("hex");
}

function change(tree: Map<string, Entry>, random: Random): void {
  const paths = [...tree.keys()];
  const path = paths[random(paths.length)] ?? "new.yaml";
  const entry = tree.get(path) ?? file("");
  switch (random(9)) {
    case 0:
      return void tree.delete(path);
    case 1:
      tree.delete(path);
      return void tree.set(`${folder(random)}${nameOf(path)}${ENDINGS[random(ENDINGS.length)] ?? ""}`, entry);
    case 2:
      return void tree.set(path, { ...entry, mode: random(2) === 0 ? "120000" : "160000" });
    case 3:
      return inPlaceOfFolder(tree, path, random);
    case 4:
      return void tree.set(`${path}${ODD[random(ODD.length)] ?? ""}${random(2) === 0 ? ".yaml" : ""}`, entry);
    case 5:
      return void tree.set(path, file(Buffer.concat([entry.content, Buffer.from("---\n"), text(random)])));
    case 6:
      return void tree.set(path, file(workloads(random(7), random)));
    default:
      return void tree.set(path, file(text(random)));
  }
}

function inPlaceOfFolder(tree: Map<string, Entry>, path: string, random: Random): void {
  const above = path.slice(0, path.indexOf("/"));
  if (!path.includes("/") || above === "") return void tree.delete(path);
  for (const other of tree.keys()) if (other.startsWith(`${above}/`)) tree.delete(other);
  tree.set(above, { mode: random(2) === 0 ? "160000" : "120000", content: Buffer.from("elsewhere") });
}

function file(content: string | Buffer): Entry {
  return { mode: "100644", content: Buffer.from(content) };
}

function folder(random: Random): string {
  return FOLDERS[random(FOLDERS.length)] ?? "";
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.ya?ml$/, "");
}

function workloads(number: number, random: Random): string {
  const one = (name: string): string =>
    `apiVersion: iot.nationtech.io/v1alpha1\nkind: Deployment\nmetadata: { name: ${name} }\nspec: { targetDevices: [pi-1], score: { type: PodmanV0, data: {} } }\n`;
  return [`d${number}`, ...(random(3) === 0 ? [`e${number}`] : [])].map(one).join("---\n");
}

function text(random: Random): Buffer {
  const of = Array.from({ length: 1 + random(5) }, () => YAML_ATOMS[random(YAML_ATOMS.length)] ?? "").join("");
  const characters = random(LARGE_ONE_IN) === 0 ? FILE_LIMIT_BYTES - 2 + random(4) : [3, 40, 400, 4_000][random(4)];
  const kinds = [
    "",
    "# only a comment\n",
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    `version https://git-lfs.github.com/spec/v1\n${"x".repeat(4_000)}`,
    `${workloads(random(6), random)}sops: { mac: x, version: "3" }\n`,
    "$ANSIBLE_VAULT;1.1;AES256\n00\n",
    `<<<<<<< a\n${workloads(0, random)}=======\n${workloads(1, random)}>>>>>>> b\n`,
    "kind: ConfigMap\napiVersion: v1\n",
    `{{- if .Values.on }}\n${workloads(0, random)}{{ end }}\n`,
    workloads(random(6), random).replaceAll("\n", "\r\n"),
    `\ufeff${workloads(random(6), random)}`,
    workloads(random(6), random).slice(0, random(150)),
    of.repeat(Math.ceil((characters ?? 0) / of.length)),
    `${workloads(random(6), random)}x:\n  ${of.repeat(Math.ceil((characters ?? 0) / of.length))}`,
  ];
  const chosen = kinds[random(kinds.length)] ?? "";
  return random(12) === 0 ? Buffer.from(chosen, "utf16le") : Buffer.from(chosen);
}
