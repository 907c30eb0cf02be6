// Gives systemd the sentence of status-sentence.ts when it has changed, at most once a second: a
// pull changes it with every layer.

import { KeyedQueue } from "@harmony/runtime";
import { type AgentState, statusSentence } from "./status-sentence.ts";

const PUBLISH_AFTER_MS = 1_000;

export class SentencePublisher {
  readonly #queue: KeyedQueue<"sentence">;

  constructor(options: { readonly agentState: () => AgentState; readonly publish: (sentence: string) => void }) {
    this.#queue = new KeyedQueue({
      handle: () => {
        options.publish(statusSentence(options.agentState()));
        return Promise.resolve(null);
      },
      onError: () => undefined,
    });
  }

  changed(): void {
    this.#queue.addAfter("sentence", PUBLISH_AFTER_MS);
  }

  close(): Promise<void> {
    return this.#queue.close();
  }
}
