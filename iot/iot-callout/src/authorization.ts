// The request that nats-server sends for each CONNECT, and the answer to it. Both are JWTs in an
// envelope that is encrypted for the two.

import { parseJson } from "@harmony/schema";
import type { Permissions } from "@iot/contracts";
import { encodeAuthorizationResponse, encodeUser } from "@nats-io/jwt";
import { fromPublic, type KeyPair } from "@nats-io/nkeys";
import * as z from "zod/mini";
import type { Envelope } from "./keys.ts";

const Text = z.string().check(z.maxLength(8_192));
const Request = z.object({
  iat: z.int(),
  nats: z.object({
    server_id: z.object({ id: Text, name: z.optional(Text) }),
    user_nkey: Text,
    client_info: z.object({ host: z.optional(Text) }),
    connect_opts: z.object({ user: z.optional(Text), pass: z.optional(Text), auth_token: z.optional(Text) }),
  }),
});

export interface AuthorizationRequest {
  readonly issuedAtS: number;
  readonly serverId: string;
  /** What the minted user must be named by. */
  readonly userKey: string;
  readonly address: string;
  readonly user: string | undefined;
  readonly token: string;
}

/** `envelope`: by which it was opened. nats.conf names both halves of it, so that server takes no other signature. */
export type RequestRead =
  | { readonly ok: true; readonly request: AuthorizationRequest; readonly envelope: Envelope }
  | { readonly ok: false; readonly why: string };

/** `server`: its curve key, as a header of the message names it. */
export function readRequest(data: Uint8Array, server: string, envelopes: readonly Envelope[]): RequestRead {
  // Bare, a request would hold a token in clear for whoever hears this account.
  if (server === "") return { ok: false, why: "nats-server does not encrypt its requests: name this callout's xkey in nats.conf" };
  let opened: Uint8Array | null = null;
  const envelope = envelopes.find(({ curve }) => (opened = curve.open(data, server)) !== null);
  if (opened === null || envelope === undefined) {
    return { ok: false, why: "the request is not encrypted for this callout's xkey: nats.conf names another" };
  }
  const payload = new TextDecoder().decode(opened).split(".")[1] ?? "";
  const parsed = parseJson(Request, Buffer.from(payload, "base64url"));
  if (!parsed.ok) return { ok: false, why: `the request is not what nats-server 2.15 sends: ${parsed.issues[0]?.message ?? ""}` };
  const { iat, nats } = parsed.value;
  const { user, pass, auth_token } = nats.connect_opts;
  const address = nats.client_info.host ?? "";
  const request = { issuedAtS: iat, serverId: nats.server_id.id, userKey: nats.user_nkey, address, user, token: pass ?? auth_token ?? "" };
  return { ok: true, request, envelope };
}

export interface MintedUser {
  readonly account: string;
  readonly name: string;
  readonly permissions: Permissions;
  readonly expiresAtS: number;
}

export function mintUser(userKey: string, { account, name, permissions, expiresAtS }: MintedUser, signer: KeyPair): Promise<string> {
  const { publish, subscribe, answers } = permissions;
  return encodeUser(
    name,
    fromPublic(userKey),
    signer,
    {
      // An empty list would permit all.
      pub: publish.length === 0 ? { deny: [">"] } : { allow: [...publish] },
      sub: { allow: [...(subscribe ?? [])] },
      ...(answers ? { resp: { max: -1, ttl: -1 } } : {}),
      subs: -1,
      payload: -1,
      data: -1,
      bearer_token: true,
      allowed_connection_types: ["STANDARD"],
    },
    { exp: expiresAtS, aud: account },
  );
}

export async function answer(
  { userKey, serverId }: AuthorizationRequest,
  said: { readonly jwt: string } | { readonly error: string },
  { signer, curve, server }: Envelope & { readonly server: string },
): Promise<Uint8Array> {
  const text = await encodeAuthorizationResponse(fromPublic(userKey), fromPublic(serverId), signer, said, {});
  return curve.seal(Buffer.from(text), server);
}
