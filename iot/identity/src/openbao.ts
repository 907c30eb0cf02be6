// OpenBao as a device, the callout and the enrolment service see it: a login, and documents in the
// folder `iot`. A login fails alike for a token that is wrong and for an OpenBao that cannot reach
// the issuer, so a failed one says nothing of who asked: only a document that was read, or one that
// is not there, is an answer. All else is "unknown", and who asked keeps what he had.

import { type Clock, errorText, systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import { type Given, type Heard, HttpPeer, type NotGiven, type PeerAddress, type Sent } from "./http-peer.ts";

export type BaoRead =
  | { readonly kind: "found"; readonly version: number; readonly data: unknown }
  /** `wasDeleted`: somebody took it away. Otherwise there never was one, or OpenBao has lost it. */
  | { readonly kind: "absent"; readonly wasDeleted: boolean }
  | Unknown;
export type BaoWritten = { readonly kind: "written"; readonly version: number } | Unknown;
export interface Unknown {
  readonly kind: "unknown";
  /** A sentence, without a full stop. */
  readonly why: string;
}

/** How who asks logs in: the path of the method, and what is shown, which is asked for each time. */
export interface BaoLogin {
  readonly path: "auth/iot/login" | "auth/iot-services/login";
  /** @throws why there is nothing to show. */
  shown(): Promise<Readonly<Record<string, string>>>;
}

/** A device shows the token of its issuer. */
export function deviceLogin(token: () => Promise<string>): BaoLogin {
  return { path: "auth/iot/login", shown: async () => ({ role: "device", jwt: await token() }) };
}

const LoggedIn = z.object({ auth: z.object({ client_token: z.string(), lease_duration: z.number() }) });
const Found = z.object({ data: z.object({ data: z.unknown(), metadata: z.object({ version: z.int() }) }) });
const Deleted = z.object({ data: z.object({ data: z.null() }) });
const Written = z.object({ data: z.object({ version: z.int() }) });
const Errors = z.object({ errors: z.array(z.string()) });

/** A token is renewed before it ends, by as much as a clock and a way may take. */
const USED_UNTIL = 0.8;
/** After a failure nobody waits for another one for so long. */
const CLOSED_MS = 1_000;

export interface OpenBaoOptions {
  readonly at: PeerAddress;
  readonly login: BaoLogin;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

export class OpenBao {
  readonly #peer: HttpPeer;
  readonly #login: BaoLogin;
  readonly #clock: Clock;
  #token: { readonly value: string; readonly untilMs: number } | null = null;
  #loggingIn: Promise<Given<string>> | null = null;
  #closed: { readonly why: string; readonly untilMs: number } | null = null;

  constructor({ at, login, signal, clock = systemClock }: OpenBaoOptions) {
    this.#peer = new HttpPeer(at, signal);
    this.#login = login;
    this.#clock = clock;
  }

  get address(): string {
    return this.#peer.url;
  }

  /** `path`: within `iot/`. @throws the signal's reason. */
  async read(path: string): Promise<BaoRead> {
    const heard = await this.#ask({ method: "GET", path: `/v1/iot/data/${path}` });
    if (!heard.ok) return { kind: "unknown", why: heard.why };
    const { status, text } = heard.value;
    const wasDeleted = status === 404 ? deletionOf(text) : null;
    if (wasDeleted !== null) return { kind: "absent", wasDeleted };
    const found = status === 200 ? parseJson(Found, text) : null;
    if (found?.ok !== true) return this.#trouble(heard.value);
    const { data, metadata } = found.value.data;
    return { kind: "found", version: metadata.version, data };
  }

  /** In place of what is there. @throws the signal's reason. */
  async write(path: string, data: object): Promise<BaoWritten> {
    const body = { type: "application/json", text: JSON.stringify({ data }) };
    const heard = await this.#ask({ method: "POST", path: `/v1/iot/data/${path}`, body });
    if (!heard.ok) return { kind: "unknown", why: heard.why };
    const written = heard.value.status === 200 ? parseJson(Written, heard.value.text) : null;
    return written?.ok === true ? { kind: "written", version: written.value.data.version } : this.#trouble(heard.value);
  }

  close(): void {
    this.#peer.close();
  }

  async #ask(sent: Sent): Promise<Given<Heard>> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#closed !== null && nowMs < this.#closed.untilMs) return { ok: false, kind: "down", why: this.#closed.why };
    const first = await this.#askAs(sent);
    // The token may have ended, or the policies of it may be newer than it is.
    const again = first.ok && first.value.status === 403;
    if (again) this.#token = null;
    const heard = again ? await this.#askAs(sent) : first;
    if (heard.ok && heard.value.status < 500) this.#closed = null;
    else this.#closed = { why: heard.ok ? this.#trouble(heard.value).why : heard.why, untilMs: this.#clock.monotonicMs() + CLOSED_MS };
    return heard;
  }

  async #askAs(sent: Sent): Promise<Given<Heard>> {
    const token = await this.#heldToken();
    return token.ok ? this.#peer.send({ ...sent, headers: { "x-vault-token": token.value } }) : token;
  }

  async #heldToken(): Promise<Given<string>> {
    if (this.#token !== null && this.#clock.monotonicMs() < this.#token.untilMs) return { ok: true, value: this.#token.value };
    // Those who come together log in once.
    this.#loggingIn ??= this.#logIn().finally(() => {
      this.#loggingIn = null;
    });
    return this.#loggingIn;
  }

  async #logIn(): Promise<Given<string>> {
    const askedMs = this.#clock.monotonicMs();
    let shown;
    try {
      shown = JSON.stringify(await this.#login.shown());
    } catch (error) {
      return down(errorText(error));
    }
    const body = { type: "application/json", text: shown };
    const heard = await this.#peer.send({ method: "POST", path: `/v1/${this.#login.path}`, body });
    if (!heard.ok) return heard;
    const parsed = heard.value.status === 200 ? parseJson(LoggedIn, heard.value.text) : null;
    if (parsed?.ok !== true) return down(`${this.#trouble(heard.value).why} (at the login)`);
    const { client_token: value, lease_duration: leaseS } = parsed.value.auth;
    this.#token = { value, untilMs: askedMs + leaseS * 1_000 * USED_UNTIL };
    return { ok: true, value };
  }

  #trouble({ status, text }: Heard): Unknown {
    const said = parseJson(Errors, text);
    const why = said.ok ? said.value.errors.join("; ").replaceAll(/\s+/g, " ").trim() : "";
    return { kind: "unknown", why: `OpenBao at ${this.address} says HTTP ${status}${why === "" ? "" : `: ${why.slice(0, 200)}`}` };
  }
}

function down(why: string): NotGiven {
  return { ok: false, kind: "down", why };
}

/** null: it is no answer about a document, as of a folder that is not set up. */
function deletionOf(text: string): boolean | null {
  if (parseJson(Deleted, text).ok) return true;
  const said = parseJson(Errors, text);
  return said.ok && said.value.errors.length === 0 ? false : null;
}
