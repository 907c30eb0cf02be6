// What people ask this device through NATS. An idle device has two subscriptions and this file; the
// rest is loaded when the first question comes.

import { type Command, listenForCommands, type Messaging } from "@iot/messaging/device";
import type { Answerer } from "./answerer.ts";
import type { AnswererOptions } from "./answering.ts";

export interface Asking {
  /** Ends all sessions, and says so to whoever has them. */
  close(): Promise<void>;
}

export function openAsking(messaging: Messaging, options: Omit<AnswererOptions, "messaging">): Asking {
  const { device, log } = options;
  let answerer: Answerer | null = null;
  let loaded: Promise<void> | null = null;
  const load = async (): Promise<void> => {
    const { Answerer } = await import("./answerer.ts");
    answerer = new Answerer({ ...options, messaging });
  };
  const answer = async (command: Command): Promise<void> => {
    loaded ??= load();
    await loaded;
    answerer?.answer(command);
  };
  const listener = listenForCommands(messaging, device, {
    log,
    onCommand: (command) => void answer(command).catch((error: unknown) => log.warn("could not answer a person", { error })),
    // Without a question there is no session.
    onInput: (session, frame) => answerer?.input(session, frame) ?? false,
  });
  return {
    close: async () => {
      listener.close();
      await loaded;
      answerer?.close();
      // What was said last is on its way before the connection is closed.
      if (loaded !== null && messaging.state().kind === "connected") await messaging.connection.flush().catch(() => undefined);
    },
  };
}
