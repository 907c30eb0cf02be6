// What people ask this device through NATS. An idle device has two subscriptions and this file; the
// rest is loaded when the first question comes.

import { listenForCommands, type Messaging } from "@iot/messaging/device";
import type { Answerer } from "./answerer.ts";
import type { AnswererOptions } from "./answering.ts";

export interface Asking {
  /** Ends all sessions, and says so to whoever has them. */
  close(): Promise<void>;
}

export function openAsking(messaging: Messaging, options: Omit<AnswererOptions, "messaging">): Asking {
  const { device, log } = options;
  let loaded: Promise<Answerer> | null = null;
  const load = async (): Promise<Answerer> => new (await import("./answerer.ts")).Answerer({ ...options, messaging });
  const withAnswerer = (deed: (answerer: Answerer) => void): void => {
    loaded ??= load();
    loaded.then(deed).catch((error: unknown) => log.warn("could not answer a person", { error }));
  };
  const listener = listenForCommands(messaging, device, {
    log,
    onCommand: (command) => withAnswerer((answerer) => answerer.answer(command)),
    // Without a question there is no session.
    onInput: (session, frame) => void loaded?.then((answerer) => answerer.input(session, frame)),
  });
  return {
    close: async () => {
      listener.close();
      (await loaded)?.close();
      // What was said last is on its way before the connection is closed.
      if (loaded !== null && messaging.state().kind === "connected") await messaging.connection.flush().catch(() => undefined);
    },
  };
}
