// Which rule of Podman's policy.json is about an image, and in which file it stands, for the
// sentence about an image that it refuses. Podman alone decides; this only says by what.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "@harmony/schema";
import * as z from "zod/mini";

const Requirements = z.array(z.looseObject({ type: z.string(), keyPath: z.catch(z.optional(z.string()), undefined) }));
const Policy = z.looseObject({
  default: z.catch(Requirements, []),
  transports: z.catch(z.record(z.string(), z.catch(z.record(z.string(), Requirements), {})), {}),
});
export type TrustPolicy = z.output<typeof Policy>;

export interface TrustRule {
  /** A clause: `the rule reject for "registry.plant" in /etc/containers/policy.json`. */
  readonly says: string;
  /** Podman refuses every image under it, and may not say that it is the policy that does. */
  readonly isUnreadable: boolean;
}

/** `folders`: where a policy.json may be; the first that has one counts. */
export async function trustRule(reference: string, folders: readonly string[], root = ""): Promise<TrustRule> {
  for (const folder of folders) {
    const file = join(folder, "policy.json");
    const text = await readFile(`${root}${file}`, "utf8").catch(() => null);
    if (text === null) continue;
    const policy = parseJson(Policy, text);
    if (!policy.ok) return { says: `the file ${file}, which is no JSON of a policy,`, isUnreadable: true };
    const { scope, types, keys } = ruleFor(policy.value, reference);
    const away = await unreadable(keys, root);
    if (away !== undefined)
      return { says: `the rule ${types} for ${scope} in ${file}, whose key ${away} cannot be read,`, isUnreadable: true };
    const lacks = types.includes("sigstoreSigned") && !(await looksForSignatures(folders, root)) ? NOT_LOOKED_FOR : "";
    return { says: `the rule ${types} for ${scope} in ${file}${lacks}`, isUnreadable: false };
  }
  return { says: `the lack of a policy.json in ${folders.join(" and ")}`, isUnreadable: true };
}

async function unreadable(keys: readonly string[], root: string): Promise<string | undefined> {
  for (const key of keys) if ((await readFile(`${root}${key}`).catch(() => null)) === null) return key;
  return undefined;
}

const NOT_LOOKED_FOR =
  ", beside which no file in /etc/containers/registries.d says use-sigstore-attachments: true, without which Podman looks for no signature,";

/** Whether any file there has it: for which registry, Podman knows. */
async function looksForSignatures(folders: readonly string[], root: string): Promise<boolean> {
  for (const folder of folders) {
    const place = `${root}${join(folder, "registries.d")}`;
    for (const name of await readdir(place).catch(() => [])) {
      const text = await readFile(join(place, name), "utf8").catch(() => "");
      if (/^[^#]*\buse-sigstore-attachments["']?\s*:\s*true\b/m.test(text)) return true;
    }
  }
  return false;
}

/**
 * Podman takes the narrowest scope: the image, its repository, the folders above that, its host.
 * Pure.
 */
export function ruleFor(
  policy: TrustPolicy,
  reference: string,
): { readonly scope: string; readonly types: string; readonly keys: readonly string[] } {
  const rules = policy.transports["docker"] ?? {};
  const found = scopesOf(reference).find((scope) => Object.hasOwn(rules, scope));
  const requirements = found === undefined ? policy.default : (rules[found] ?? []);
  const types = requirements.map(({ type }) => type).join(", ") || "of no kind";
  const keys = requirements.flatMap(({ keyPath }) => keyPath ?? []);
  return { scope: found === undefined ? "all images (default)" : found === "" ? "all registries" : `"${found}"`, types, keys };
}

function scopesOf(reference: string): string[] {
  const repository = reference.replace(/@.*$/, "").replace(/:[^/:]+$/, "");
  const parts = repository.split("/");
  const namespaces = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  const labels = (parts[0] ?? "").split(".");
  const wildcards = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`);
  return [reference, ...namespaces, ...wildcards, ""];
}
