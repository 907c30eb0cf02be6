// What a file is that is named as a workload file and is no YAML of a person's hand: a pointer to
// the text, the text encrypted, two texts that wait to be merged, a template. Each is reported as
// what it is, with what would fix it, for what YAML makes of it says nothing to anybody. This file
// knows, too, whether a file that nobody reads looks like one of ours. Pure.

import { API_GROUP } from "@iot/contracts";

export interface FileKind {
  /** Goes on after the file's name: "is a Git LFS pointer". */
  readonly what: string;
  /** "commit the text itself". */
  readonly mend: string;
  readonly offset: number;
}

const PLAIN_SECRETS = "commit it as plain text, and put what is secret on the device";

const SIGNATURES: readonly (readonly [begins: RegExp, what: string, mend: string])[] = [
  [
    /^version https:\/\/(git-lfs|hawser)\.github\.com\/spec\//,
    "is a Git LFS pointer",
    "commit the text itself (git lfs untrack it, then git add --renormalize)",
  ],
  [/^\0GITCRYPT\0/, "is encrypted with git-crypt", PLAIN_SECRETS],
  [/^\$ANSIBLE_VAULT;/, "is encrypted with Ansible Vault", PLAIN_SECRETS],
  [/^(age-encryption\.org\/v1|-----BEGIN AGE ENCRYPTED FILE-----)/, "is encrypted with age", PLAIN_SECRETS],
  [/^-----BEGIN PGP MESSAGE-----/, "is encrypted with PGP", PLAIN_SECRETS],
];
const TEMPLATE =
  /\{\{-?\s*(\/\*|[.$]|(if|else|end|range|with|define|block|template|include|toYaml|default|required|tpl|lookup|quote)\b)|\{%/;
/** After comments, empty lines and separators. */
const DOCUMENT_BEGINS = /^(?:[ \t]*(?:#.*)?\r?\n|(?:---|%).*\n)*(?:[ \t]*\{|["']?(?:apiVersion|kind|metadata|spec)["']?[ \t]*:)/i;

export const SOPS: Omit<FileKind, "offset"> = { what: "is encrypted with SOPS, which is not decrypted here", mend: PLAIN_SECRETS };

/** By its first bytes, or by lines that git wrote; null: it is to be read as YAML. */
export function kindOfText(text: string): FileKind | null {
  const signature = SIGNATURES.find(([begins]) => begins.test(text));
  if (signature !== undefined) return { what: signature[1], mend: signature[2], offset: 0 };
  const offset = conflictIn(text);
  return offset === null ? null : { what: "has a merge conflict that is not settled", mend: "settle it and commit again", offset };
}

/** Where the first of git's three marks stands, each at the beginning of a line. */
function conflictIn(text: string): number | null {
  const lines = `\n${text}`;
  const ours = lines.indexOf("\n<<<<<<< ");
  const middle = ours < 0 ? -1 : lines.indexOf("\n=======", ours);
  return middle < 0 || lines.indexOf("\n>>>>>>> ", middle) < 0 ? null : ours;
}

/** For a text that is no valid YAML. */
export function templateIn(text: string): FileKind | null {
  const found = TEMPLATE.exec(text);
  if (found === null) return null;
  const mend = "commit what it renders to, or keep templates outside of the folder that is read";
  return { what: "is a template, which is not rendered here", mend, offset: found.index };
}

/**
 * null: it may be UTF-8. A text in UTF-16 has a NUL beside most letters, and a letter beside each
 * NUL.
 */
export function foreignEncoding(content: Uint8Array): string | null {
  const [first = 0, second = 0] = content;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return "UTF-16";
  const start = content.subarray(0, 8_000);
  if (!start.includes(0)) return null;
  const nulls = start.reduce((sum, byte) => sum + (byte === 0 ? 1 : 0), 0);
  return nulls * 3 > start.length && nulls * 3 < start.length * 2 ? "UTF-16" : "binary";
}

/** What the git source reads, and `iot lint` after it. */
export function isWorkloadFileName(path: string): boolean {
  return /\.ya?ml$/.test(path);
}

/** One that a person takes for a workload file, and nobody reads: `hello.YAML`. */
export function isNearlyWorkloadFileName(path: string): boolean {
  return /\.ya?ml$/i.test(path) && !isWorkloadFileName(path);
}

/**
 * Of a file that is not read: it begins as a document of Kubernetes does, in YAML or JSON, and
 * speaks of our group or our fields.
 */
export function looksLikeDeployment(content: Uint8Array): boolean {
  const wide = foreignEncoding(content) === "UTF-16";
  const text = new TextDecoder(wide ? (content[0] === 0xfe ? "utf-16be" : "utf-16le") : "utf-8").decode(content.subarray(0, 64 * 1024));
  if (!DOCUMENT_BEGINS.test(text)) return false;
  return text.includes(`${API_GROUP}/`) || (/["']?kind["']?\s*:\s*["']?Deployment\b/.test(text) && /\btargetDevices\b/.test(text));
}
