// Zitadel, as the service administers the accounts of devices there: with one token, whose user may
// write users of one organisation. Each call can be made again.

import { readFile } from "node:fs/promises";
import { errorText } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import type { AccountSeen } from "../plan/account.ts";
import * as requests from "./requests.ts";

export interface ZitadelConfig {
  /** Its address, and the issuer of its tokens. */
  readonly url: string;
  /** The id of the project whose roles count. */
  readonly project: string;
  /** The id of the organisation whose roles count. */
  readonly organisation: string;
  /** The file of the token; read at each call, so that another one needs no restart. */
  readonly tokenFile: string;
  /** PEM of who signs its certificate, for devices. */
  readonly ca?: string | undefined;
}

const API = "/management/v1";
const WITHIN_MS = 10_000;
const Failure = z.object({ message: z.string() });
const KeyAdded = z.object({ keyId: z.string() });
/** An empty list may be left out. */
const Keys = z.object({ result: z.optional(z.array(z.object({ id: z.string() }))) });
const Roles = z.object({
  result: z.optional(z.array(z.object({ projectId: z.string(), roleKeys: z.optional(z.array(z.string())) }))),
});
const User = z.object({ user: z.object({ state: z.string() }) });

interface Heard {
  readonly status: number;
  readonly text: string;
}

export class ZitadelAdministrator {
  readonly #config: ZitadelConfig;

  constructor(config: ZitadelConfig) {
    this.#config = config;
  }

  async look(device: string): Promise<AccountSeen> {
    const keys = read(Keys, expectDone(await this.#send(requests.listKeys(device)), [404]));
    const roles = read(Roles, expectDone(await this.#send(requests.listRoles(device))));
    const { project } = this.#config;
    return {
      keys: (keys.result ?? []).map(({ id }) => id),
      hasRole: (roles.result ?? []).some(({ projectId, roleKeys = [] }) => requests.isRoleOf(project, { projectId, roleKeys })),
    };
  }

  /** One that is there stays as it is. */
  async addMachine(device: string): Promise<void> {
    expectDone(await this.#send(requests.addMachine(device)), [409]);
  }

  async addRole(device: string): Promise<void> {
    expectDone(await this.#send(requests.addRole(device, this.#config.project)), [409]);
  }

  /** Zitadel's name for it. */
  async addKey(device: string, publicKeyPem: string): Promise<string> {
    return read(KeyAdded, expectDone(await this.#send(requests.addKey(device, publicKeyPem)))).keyId;
  }

  async removeKey(device: string, keyId: string): Promise<void> {
    expectDone(await this.#send(requests.removeKey(device, keyId)), [404]);
  }

  async remove(device: string): Promise<void> {
    expectDone(await this.#send(requests.removeUser(device)), [404]);
  }

  /** false: there is no such account. */
  deactivate(device: string): Promise<boolean> {
    return this.#become(device, requests.deactivate(device), "USER_STATE_INACTIVE");
  }

  reactivate(device: string): Promise<boolean> {
    return this.#become(device, requests.reactivate(device), "USER_STATE_ACTIVE");
  }

  /** Zitadel refuses what is so already, in sentences of many languages: its state says it. */
  async #become(device: string, request: requests.ZitadelRequest, state: string): Promise<boolean> {
    const heard = await this.#send(request);
    if (heard.status === 404) return false;
    if (heard.status !== 400) {
      expectDone(heard);
      return true;
    }
    const { user } = read(User, expectDone(await this.#send(requests.readUser(device))));
    if (user.state !== state) expectDone(heard);
    return true;
  }

  async #send({ method, path, body }: requests.ZitadelRequest): Promise<Heard> {
    const { url, organisation, tokenFile } = this.#config;
    const token = (await readFile(tokenFile, "utf8").catch((cause: unknown) => fail(`${tokenFile} cannot be read`, cause))).trim();
    const headers = {
      authorization: `Bearer ${token}`,
      "x-zitadel-orgid": organisation,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }), signal: AbortSignal.timeout(WITHIN_MS) };
    try {
      const response = await fetch(url + API + path, { ...init, redirect: "error" });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      const why = error instanceof Error && error.cause !== undefined ? errorText(error.cause) : errorText(error);
      return fail(`Zitadel at ${url} does not answer: ${why}`, error);
    }
  }
}

/** @throws what Zitadel says. */
function expectDone(heard: Heard, also: readonly number[] = []): Heard {
  const { status, text } = heard;
  if ((status >= 200 && status < 300) || also.includes(status)) return heard;
  const said = parseJson(Failure, text);
  const repair = status === 401 || status === 403 ? "; its user needs the role Org User Manager, and the token must not have ended" : "";
  throw new Error(`Zitadel says HTTP ${status}${said.ok ? `: ${said.value.message.slice(0, 200)}` : ""}${repair}`);
}

function read<Schema extends z.ZodMiniType>(schema: Schema, { text }: Heard): z.output<Schema> {
  const parsed = parseJson(schema, text);
  if (parsed.ok) return parsed.value;
  throw new Error("Zitadel answers what its definitions do not have: this version of it was not tried");
}

function fail(why: string, cause: unknown): never {
  throw new Error(why, { cause });
}
