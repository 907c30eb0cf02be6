// Who gives this device its tokens, for a signature of its key: the enrolment service itself, or
// Zitadel. Both take the same assertion; Zitadel is also told which project the token is for.

import { signAssertion, type Signer, TokenAnswer, tokenScope } from "@iot/identity/device";
import type * as z from "zod/mini";
import { type Given, type Heard, HttpPeer, type PeerAddress, type PeerClock } from "@iot/identity/device";

const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** The whole of NATS' CONNECT has to fit 4,096 bytes. */
const TOKEN_CHARACTERS = 3_500;

export type Token = z.output<typeof TokenAnswer>;

export interface TokenIssuerOptions {
  readonly clock: PeerClock;
  /** The project at Zitadel; undefined: it is the enrolment service. */
  readonly project?: string | undefined;
}

export class TokenIssuer {
  readonly #peer: HttpPeer;
  readonly #options: TokenIssuerOptions;

  constructor(at: PeerAddress, signal: AbortSignal, options: TokenIssuerOptions) {
    this.#peer = new HttpPeer(at, signal);
    this.#options = options;
  }

  get url(): string {
    return this.#peer.url;
  }

  /** Asks twice when the first answer shows that the clock of this device is wrong. */
  async token(signer: Signer, { device, keyId }: { readonly device: string; readonly keyId: string }): Promise<Given<Token>> {
    const { clock, project } = this.#options;
    const ask = async (): Promise<Given<Heard>> => {
      const assertion = await signAssertion(signer, { device, keyId, audience: this.#peer.url, nowMs: clock.nowMs() });
      const form = { grant_type: JWT_BEARER, assertion, ...(project === undefined ? {} : { scope: tokenScope(project) }) };
      const text = new URLSearchParams(form).toString();
      return this.#peer.send({ method: "POST", path: "/oauth/v2/token", body: { type: "application/x-www-form-urlencoded", text } });
    };
    const first = await ask();
    const isClockLearnt = first.ok && first.value.status >= 400 && clock.learn(first.value.dateMs);
    const given = this.#peer.read(TokenAnswer, isClockLearnt ? await ask() : first);
    if (!given.ok || isJwt(given.value.access_token)) return given;
    const why = `${this.#peer.url} gives a token that NATS cannot be shown: the type of its tokens has to be JWT`;
    return { ok: false, kind: "refused", why };
  }
}

function isJwt(token: string): boolean {
  return token.length <= TOKEN_CHARACTERS && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
}
