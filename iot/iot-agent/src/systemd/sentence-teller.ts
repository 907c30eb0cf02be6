// Tells systemd the sentence of status-sentence.ts when it has changed, at most once a second: a pull changes it with every layer.

import { KeyedQueue } from "@harmony/runtime";
import { type Standing, statusSentence } from "./status-sentence.ts";

const TELL_AFTER_MS = 1_000;

export class SentenceTeller {
  readonly #queue: KeyedQueue<"sentence">;

  constructor(options: { readonly standing: () => Standing; readonly tell: (sentence: string) => void }) {
    this.#queue = new KeyedQueue({
      handle: () => {
        options.tell(statusSentence(options.standing()));
        return Promise.resolve(null);
      },
      onError: () => undefined,
    });
  }

  changed(): void {
    this.#queue.addAfter("sentence", TELL_AFTER_MS);
  }

  close(): Promise<void> {
    return this.#queue.close();
  }
}
