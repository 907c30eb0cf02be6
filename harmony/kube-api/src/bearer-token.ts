// The bearer token of each user of a configuration, as kubectl takes it: from `tokenFile`, which
// the official client does not know, from a pod's service account, or written out. A file is read
// anew for each request, since who rotates a token replaces the file. The line break at its end,
// which a header cannot bear, is left out; a token with one inside is refused.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { dirname, resolve } from "node:path";
import { ENVELOPE_LIMITS, parse } from "@harmony/schema";
import { type KubeConfig, loadYaml, type User } from "@kubernetes/client-node";
import * as z from "zod/mini";
import { KubernetesError } from "./kubernetes-error.ts";

const TOKEN_FILE = "token-file";

const Users = z.looseObject({
  users: z.array(z.looseObject({ name: z.string(), user: z.nullish(z.looseObject({ tokenFile: z.optional(z.string()) })) })),
});
const OfPod = z.looseObject({ config: z.looseObject({ tokenFile: z.string() }) });
const OurProvider = z.looseObject({ name: z.literal(TOKEN_FILE), config: z.looseObject({ file: z.string() }) });

/**
 * Makes the users of `config`, which was read from `files`, send their tokens. @throws
 * KubernetesError NotConfigured when a token that is written out cannot be sent.
 */
export function takeTokens(config: KubeConfig, files: readonly string[]): void {
  const named = tokenFilesIn(files);
  config.users = config.users.map((user): User => {
    const ofPod = parse(OfPod, user.authProvider);
    const file = named.get(user.name) ?? (ofPod.ok ? ofPod.value.config.tokenFile : undefined);
    const { token: written, ...rest } = user;
    if (file !== undefined) return { ...rest, authProvider: { name: TOKEN_FILE, config: { file } } };
    if (written === undefined) return user;
    const token = fitForHeader(written);
    if (token !== null) return { ...rest, token };
    throw new KubernetesError("NotConfigured", `the token of the user "${user.name}" in the Kubernetes configuration ${UNFIT}`);
  });
  config.addAuthenticator({
    isAuthProvider: ({ authProvider }: User) => parse(OurProvider, authProvider).ok,
    applyAuthentication: async ({ authProvider }: User, options: RequestOptions) => {
      const provider = parse(OurProvider, authProvider);
      if (!provider.ok) return;
      const Authorization = `Bearer ${await readToken(provider.value.config.file)}`;
      Object.assign((options.headers ??= {}), { Authorization });
    },
  });
}

/** By user; of two files that name one the first counts, as for kubectl. */
function tokenFilesIn(files: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    const document: unknown = loadYaml(readFileSync(file, "utf8"));
    const parsed = parse(Users, document, ENVELOPE_LIMITS);
    for (const { name, user } of parsed.ok ? parsed.value.users : []) {
      const tokenFile = user?.tokenFile ?? "";
      if (tokenFile !== "" && !found.has(name)) found.set(name, resolve(dirname(file), tokenFile));
    }
  }
  return found;
}

const UNFIT = "is empty, or has a line break or a blank in it: write the token alone, in one line";

async function readToken(file: string): Promise<string> {
  const token = fitForHeader(await readFile(file, "utf8"));
  if (token === null) throw new Error(`the token in ${file} ${UNFIT}`);
  return token;
}

/** null: no header bears it. */
function fitForHeader(text: string): string | null {
  const token = text.trim();
  return /^[\x21-\x7e]+$/.test(token) ? token : null;
}
