// OpenBao for the programs of the fleet: where it is and who they are there, from their environment.
// The credentials are read again at each login, so that others need no restart.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { EX_CONFIG, errorText, UserError } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import { HttpsUrl } from "./documents.ts";
import { OpenBao } from "./openbao.ts";

/** What `setup.sh --credentials` makes for the callout and the enrolment service. */
const ServiceCredentials = z.object({ role_id: z.string(), secret_id: z.string() });

export interface OpenBaoSettings {
  readonly url: string;
  readonly caFile: string | undefined;
  readonly credentialsFile: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** null: there is no OpenBao. @throws UserError naming the variable. */
export function readOpenBaoSettings(env: Environment): OpenBaoSettings | null {
  const text = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  const url = text("IOT_OPENBAO_URL")?.replace(/\/$/, "");
  if (url === undefined) return null;
  if (!HttpsUrl.safeParse(url).success)
    throw new UserError(`IOT_OPENBAO_URL: expected an address such as https://bao.example:8200, found "${url}"`, EX_CONFIG);
  const credentialsFile = text("IOT_OPENBAO_CREDENTIALS");
  if (credentialsFile === undefined)
    throw new UserError("IOT_OPENBAO_CREDENTIALS: expected the file that iot/deploy/openbao/setup.sh --credentials made", EX_CONFIG);
  const caFile = text("IOT_OPENBAO_CA");
  for (const [name, file] of Object.entries({ IOT_OPENBAO_CREDENTIALS: credentialsFile, IOT_OPENBAO_CA: caFile })) {
    if (file === undefined) continue;
    try {
      readFileSync(file);
    } catch (cause) {
      throw new UserError(`${name}: ${file} cannot be read: ${errorText(cause)}`, EX_CONFIG, { cause });
    }
  }
  return { url, caFile, credentialsFile };
}

/** `withinMs`: how long one answer may take. */
export function openBaoOfService(
  { url, caFile, credentialsFile }: OpenBaoSettings,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): OpenBao {
  const shown = async (): Promise<Readonly<Record<string, string>>> => {
    const read = parseJson(ServiceCredentials, await readFile(credentialsFile));
    if (!read.ok) throw new Error(`${credentialsFile} is not what iot/deploy/openbao/setup.sh --credentials makes`);
    return read.value;
  };
  return new OpenBao({ at: { url, caFile, withinMs, isKept: true }, login: { path: "auth/iot-services/login", shown }, signal });
}
