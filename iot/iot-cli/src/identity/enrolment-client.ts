// Asks the enrolment service, as a person: where it is and who asks come from the environment and a
// file, never from the arguments, which every user of a machine can read. What it answers is
// bounded and parsed; what it refuses is its own sentence.

import { readFile, stat } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { formatIssues } from "@harmony/core";
import { errorText, sendRequest, UserError } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { ErrorAnswer } from "@iot/identity";
import type * as z from "zod/mini";
import { EXIT } from "../command-line/exit-codes.ts";

export interface EnrolmentAccess {
  readonly url: URL;
  /** The person's secret. */
  readonly secret: string;
  /** PEM of who signed the service's certificate; undefined: those that Node knows. */
  readonly ca: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const TIMEOUT_MS = 15_000;
const ANSWER_BYTES = 16 * 1024 * 1024;

/** @throws UserError */
export async function enrolmentAccess(env: Environment): Promise<EnrolmentAccess> {
  const text = env["IOT_ENROLMENT_URL"] ?? "";
  const url = URL.parse(text);
  if (url === null) throw new UserError("set IOT_ENROLMENT_URL to where the enrolment service is, e.g. https://enrol.example:8443");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && url.hostname === "127.0.0.1")) {
    throw new UserError(`IOT_ENROLMENT_URL is ${url.protocol}//…, and a secret goes over https:// alone`);
  }
  const caFile = env["IOT_ENROLMENT_CA"] ?? "";
  return { url, secret: await secretOf(env), ca: caFile === "" ? undefined : await contentOf(caFile, "IOT_ENROLMENT_CA") };
}

async function secretOf(env: Environment): Promise<string> {
  const file = env["IOT_PERSON_FILE"] ?? join(env["HOME"] ?? "/", ".config/iot/person");
  const content = await contentOf(file, "IOT_PERSON_FILE");
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) throw new UserError(`${file}: others can read your secret: chmod 600 ${file}`);
  return content.trim();
}

async function contentOf(path: string, variable: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    const hint =
      variable === "IOT_PERSON_FILE"
        ? "iot-enrolment person add NAME --role viewer|support|maintainer|admin prints what belongs there"
        : "name another file";
    throw new UserError(`${path} cannot be read (${variable}): ${hint}`, 1, { cause });
  });
}

export interface Question {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: object;
}

/** @throws UserError with the sentence for the person. */
export async function askEnrolment<Schema extends z.ZodMiniType>(
  access: EnrolmentAccess,
  question: Question,
  schema: Schema,
  signal: AbortSignal,
): Promise<z.output<Schema>> {
  const { status, text } = await answered(access, question, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  if (status >= 300) {
    const said = parseJson(ErrorAnswer, text);
    const exitCode = status === 401 || status === 403 ? EXIT.notPermitted : EXIT.failed;
    throw new UserError(said.ok ? said.value.error : `${access.url.origin} answered ${status}: is that the enrolment service?`, exitCode);
  }
  const parsed = parseJson(schema, text);
  if (parsed.ok) return parsed.value;
  throw new UserError(`${access.url.origin} answers what this iot does not read: ${formatIssues(parsed.issues)}`);
}

async function answered(
  { url, secret, ca }: EnrolmentAccess,
  { method, path, body }: Question,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { authorization: `Bearer ${secret}`, ...(body === undefined ? {} : { "content-type": "application/json" }) };
  const begin = url.protocol === "https:" ? httpsRequest : httpRequest;
  const options = { method, headers, signal, ...(ca === undefined ? {} : { ca }) };
  try {
    const response = await sendRequest(() => begin(new URL(path, url), options), {
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      isRepeatable: method === "GET",
      signal,
    });
    return { status: response.statusCode ?? 0, text: await textOf(response) };
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const certificate = errorText(cause).includes("certificate")
      ? ": IOT_ENROLMENT_CA names the authority that signed its certificate"
      : "";
    throw new UserError(`the enrolment service at ${url.origin} is not reached (${errorText(cause)})${certificate}`, EXIT.notReached, {
      cause,
    });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES) throw new UserError("the enrolment service answers more than is read: is that the enrolment service?");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
