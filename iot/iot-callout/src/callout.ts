// Answers nats-server's question who somebody is, for each CONNECT that is not of a static user.
// Several run beside each other in one queue group. What they know is in the bucket `grants` of the
// account AUTH and is followed in memory: whoever was granted once comes in though all else is away. NATS says "Authorization Violation" for each refusal; the reason stands in this log, once a
// device and reason, then counted.

import { plainText } from "@harmony/core";
import { type Log, systemClock } from "@harmony/runtime";
import type { OpenBao } from "@iot/identity";
import { type DocumentStore, type Messaging, openDocumentStore } from "@iot/messaging";
import type { Msg } from "@nats-io/nats-core";
import { answer, type AuthorizationRequest, mintUser, readRequest } from "./authorization.ts";
import { decide, decidePerson, type Decision } from "./decide.ts";
import { followedGrants, type Grants, keptGrant } from "./grants/grants.ts";
import { OpenBaoGrants } from "./grants/openbao-grants.ts";
import { Issuers } from "./issuers.ts";
import { type CalloutKeys, envelopesOf } from "./keys.ts";
import { RefusalLog } from "./refusal-log.ts";

const QUEUE = "iot-callout";
const REREAD = "iot.auth.reread.";

export interface CalloutOptions {
  readonly messaging: Messaging;
  readonly keys: CalloutKeys;
  /** Where grants live; null: in the bucket alone. */
  readonly bao?: OpenBao | null;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** nats-server's own time for a login, less some: an older request has nobody who waits for it. */
  readonly dropAfterS?: number;
  /** How often the keys of an issuer elsewhere are read, also when nobody shows an unknown one. */
  readonly keysEveryMs?: number;
}

export interface Callout {
  close(): Promise<void>;
}

/** Resolves when it answers. @throws MessagingError, or the signal's reason. */
export async function startCallout({
  messaging,
  keys,
  bao = null,
  log,
  signal,
  dropAfterS = 25,
  keysEveryMs,
}: CalloutOptions): Promise<Callout> {
  const bucket = await openDocumentStore(messaging, { bucket: "grants", log, signal });
  const grants = bao === null ? followedGrants(bucket) : new OpenBaoGrants({ bucket, bao, log, signal });
  const envelopes = envelopesOf(keys);
  const refusals = new RefusalLog(log);
  const issuers = new Issuers({ bucket, log, readEveryMs: keysEveryMs });
  const handle = async (message: Msg): Promise<void> => {
    const server = message.headers?.get("Nats-Server-Xkey") ?? "";
    const read = readRequest(message.data, server, envelopes);
    if (!read.ok) return log.error("a request of nats-server cannot be read", { why: read.why });
    const { request, envelope } = read;
    if (systemClock.now() / 1_000 - request.issuedAtS > dropAfterS) return;
    const decision = await decideOn(request, { issuers, grants });
    if (decision.kind === "in") {
      const jwt = await mintUser(request.userKey, decision, envelope.signer);
      message.respond(await answer(request, { jwt }, { ...envelope, server }));
      return;
    }
    refusals.add({ device: plainText(decision.device, 64), why: plainText(decision.why, 200), address: plainText(request.address, 64) });
    message.respond(await answer(request, { error: "refused" }, { ...envelope, server }));
  };
  const subscriptions = [
    messaging.connection.subscribe("$SYS.REQ.USER.AUTH", {
      queue: QUEUE,
      callback: (error, message) => {
        if (error === null) handle(message).catch((cause: unknown) => log.error("a login could not be answered", { error: cause }));
      },
    }),
    messaging.connection.subscribe(`${REREAD}*`, {
      callback: (error, message) => {
        if (error === null) message.respond(stateOf(message.subject.slice(REREAD.length), bucket));
      },
    }),
  ];
  await messaging.connection.flush();
  log.info("answers the logins of devices");
  return {
    close: async () => {
      for (const subscription of subscriptions) subscription.unsubscribe();
      refusals.close();
      issuers.close();
      await grants.close();
    },
  };
}

interface Known {
  readonly issuers: Issuers;
  readonly grants: Grants;
}

async function decideOn({ user, token }: AuthorizationRequest, { issuers, grants }: Known): Promise<Decision> {
  const shown = await issuers.verify(token, systemClock.now());
  if (shown.of === "person") return decidePerson(user, shown.claims);
  const { verified } = shown;
  return decide({ user, verified, grant: verified.kind === "valid" ? await grants.of(verified.claims.device) : undefined });
}

/** The revision of the grant that this callout decides by: who changed one waits until all have it. */
function stateOf(device: string, bucket: DocumentStore): string {
  const { revision, grant } = keptGrant(bucket, device);
  return JSON.stringify({ revision, state: grant?.state ?? "absent" });
}
