// The connection of one command to NATS. A server that cannot be reached is one sentence, at once
// rather than tried again, and so is one that does not give all in time.

import { visibleLines } from "@harmony/core";
import { type Log, UserError } from "@harmony/runtime";
import { connectMessaging, type CredentialSource, fixedCredentials, type Messaging, MessagingError, shownServers } from "@iot/messaging";
import { EXIT } from "./exit-codes.ts";

export interface NatsAccess {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  /** In place of user and password. */
  readonly credentials?: CredentialSource | undefined;
  readonly caFile?: string | undefined;
  /** Says on stderr that it waits. */
  readonly warn: (text: string) => void;
  /** The prefix of replies, for a user that hears no other. */
  readonly inbox?: string;
  /** What is done takes as long as it takes, and a connection that was lost is made again. */
  readonly isLasting?: boolean;
}

export const CONNECT_TIMEOUT_MS = 5_000;
const TIMEOUT_MS = 30_000;
/** A person who waits longer wants to know for what. */
const SAY_AFTER_MS = 1_000;

/** @throws UserError, with the sentence for the person. */
export async function withNats<Result>(
  { servers, user, pass, credentials = fixedCredentials({ user, pass }), caFile, warn, inbox, isLasting = false }: NatsAccess,
  signal: AbortSignal,
  work: (messaging: Messaging, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const failed = new AbortController();
  let isOpen = false;
  const any = AbortSignal.any([signal, failed.signal]);
  const late = `NATS did not give all within ${TIMEOUT_MS / 1000} s: check the network between here and it`;
  const timer = setTimeout(() => failed.abort(new UserError(late, EXIT.notReached)), TIMEOUT_MS);
  const waiting = setTimeout(() => warn(visibleLines(`iot: no answer from NATS at ${shownServers({ servers })} yet\n`)), SAY_AFTER_MS);
  try {
    const messaging = await connectMessaging({
      servers,
      credentials,
      caFile,
      settings: { credentials: "NATS_USER and NATS_PASSWORD" },
      name: "iot",
      inboxPrefix: inbox,
      log: SILENT,
      signal: any,
      timeoutMs: CONNECT_TIMEOUT_MS,
      onState: (state) => {
        if (state.kind !== "disconnected" || isOpen) return;
        failed.abort(new UserError(state.message, state.reason === "WrongCredentials" ? EXIT.notPermitted : EXIT.notReached));
      },
    });
    clearTimeout(waiting);
    isOpen = isLasting;
    if (isLasting) clearTimeout(timer);
    try {
      return await work(messaging, any);
    } catch (error) {
      throw error instanceof MessagingError ? new UserError(error.message, exitCodeOf(error), { cause: error }) : error;
    } finally {
      await messaging.close();
    }
  } finally {
    clearTimeout(timer);
    clearTimeout(waiting);
  }
}

export function exitCodeOf({ code }: MessagingError): number {
  if (code === "PermissionDenied") return EXIT.notPermitted;
  return code === "NotConnected" || code === "Timeout" ? EXIT.notReached : EXIT.failed;
}

const nothing = (): void => undefined;
/** The one sentence that ends the command says what goes wrong. */
export const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => SILENT };
