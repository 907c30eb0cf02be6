// An inbox for the answers to one question, which this user hears and nobody else.

import { personInbox } from "@iot/contracts";
import { createInbox } from "@nats-io/nats-core";
import type { Messaging } from "./connect.ts";

export function ownInbox(messaging: Pick<Messaging, "user">): string {
  const user = messaging.user();
  return createInbox(user === undefined ? undefined : personInbox(user));
}
