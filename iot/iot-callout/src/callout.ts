// Answers nats-server's question who somebody is, for each CONNECT that is not of a static user.
// Several run beside each other in one queue group. What they know is in the bucket `grants` of
// the account AUTH and is followed in memory: whoever was granted once comes in though all else is
// away. NATS says "Authorization Violation" for each refusal; the reason stands in this log, once a
// device and reason, then counted.

import { plainText } from "@harmony/core";
import { type Log, systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { Grant, Issuer, verifyPersonToken, verifyToken } from "@iot/identity";
import { type DocumentStore, type Messaging, openDocumentStore } from "@iot/messaging";
import type { Msg } from "@nats-io/nats-core";
import { answer, type AuthorizationRequest, mintUser, readRequest } from "./authorization.ts";
import { decide, decidePerson, type Decision } from "./decide.ts";
import { type CalloutKeys, Curve, signerOf } from "./keys.ts";
import { RefusalLog } from "./refusal-log.ts";

const QUEUE = "iot-callout";
const ISSUER_KEY = "_issuer";
const REREAD = "iot.auth.reread.";

export interface CalloutOptions {
  readonly messaging: Messaging;
  readonly keys: CalloutKeys;
  readonly log: Log;
  readonly signal: AbortSignal;
  /**
   * nats-server's own time for a login, less some: an older request has nobody who waits for it.
   */
  readonly dropAfterS?: number;
}

export interface Callout {
  close(): Promise<void>;
}

/** Resolves when it answers. @throws MessagingError, or the signal's reason. */
export async function startCallout({ messaging, keys, log, signal, dropAfterS = 25 }: CalloutOptions): Promise<Callout> {
  const grants = await openDocumentStore(messaging, { bucket: "grants", log, signal });
  const envelope = { signer: signerOf(keys.issuerSeed), curve: new Curve(keys.xkeySeed) };
  const refusals = new RefusalLog(log);
  const handle = async (message: Msg): Promise<void> => {
    const server = message.headers?.get("Nats-Server-Xkey") ?? "";
    const read = readRequest(message.data, server, envelope.curve);
    if (!read.ok) return log.error("a request of nats-server cannot be read", { why: read.why });
    const { request } = read;
    if (systemClock.now() / 1_000 - request.issuedAtS > dropAfterS) return;
    const decision = await decideOn(request, grants);
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
        if (error === null) message.respond(stateOf(message.subject.slice(REREAD.length), grants));
      },
    }),
  ];
  await messaging.connection.flush();
  log.info("answers the logins of devices");
  return {
    close: async () => {
      for (const subscription of subscriptions) subscription.unsubscribe();
      refusals.close();
      await grants.close();
    },
  };
}

async function decideOn({ user, token }: AuthorizationRequest, grants: DocumentStore): Promise<Decision> {
  const verified = await verifyToken(token, issuerOf(grants), systemClock.now());
  if (verified.kind === "refused") {
    const person = await verifyPersonToken(token, issuerOf(grants), systemClock.now());
    if (person.kind === "valid") return decidePerson(user, person.claims);
  }
  return decide({ user, verified, grant: verified.kind === "valid" ? grantOf(verified.claims.device, grants) : undefined });
}

function issuerOf(grants: DocumentStore): Issuer | null {
  const text = grants.heard(ISSUER_KEY)?.text ?? null;
  if (text === null) return null;
  const parsed = parseJson(Issuer, text);
  return parsed.ok ? parsed.value : null;
}

/** Undefined: what stands there cannot be read. */
function grantOf(device: string, grants: DocumentStore): Grant | null | undefined {
  const text = grants.heard(device)?.text ?? null;
  if (text === null) return null;
  const parsed = parseJson(Grant, text);
  return parsed.ok ? parsed.value : undefined;
}

/**
 * The revision of the grant that this callout decides by: who changed one waits until all have it.
 */
function stateOf(device: string, grants: DocumentStore): string {
  return JSON.stringify({ revision: grants.heard(device)?.revision ?? 0, state: grantOf(device, grants)?.state ?? "absent" });
}
