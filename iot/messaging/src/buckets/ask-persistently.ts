// A question to JetStream's API that is asked again while it is not answered: of servers that have
// no leader nobody answers, and whoever is elected meanwhile has not heard what was asked before.
// Only for what may be asked twice.

import { errors } from "@nats-io/nats-core";

const AGAIN_MS = 500;
/** An election takes 4 to 9 s (nats-server, raft.go). */
const GIVE_UP_MS = 10_000;

/** The first answer, or the first error that is no time-out. @throws TimeoutError after 10 s. */
export async function askPersistently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const refuse = (error: unknown): void => {
    if (!(error instanceof errors.TimeoutError)) reject(error);
  };
  const askOnce = (): void => void ask().then(resolve, refuse);
  const again = setInterval(askOnce, AGAIN_MS);
  const end = setTimeout(() => reject(new errors.TimeoutError()), GIVE_UP_MS);
  askOnce();
  return promise.finally(() => {
    clearInterval(again);
    clearTimeout(end);
  });
}
