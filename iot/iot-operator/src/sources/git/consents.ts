// What a person consents to in a commit's message: `Iot-Removes: <namespace>/<name>[, …]`. Pure.

import { isDnsLabel } from "@harmony/schema";

export const CONSENT_TRAILER = "Iot-Removes";

export interface Consents {
  /** `<namespace>/<name>`. */
  readonly names: ReadonlySet<string>;
  /** The words as they were written. */
  readonly wrong: readonly string[];
}

export function consentsIn(trailers: readonly string[]): Consents {
  const written = trailers.flatMap((line) => line.split(",")).map((text) => text.trim());
  const named = written.filter((text) => text !== "");
  const isRight = (text: string): boolean => text.split("/").length === 2 && text.split("/").every(isDnsLabel);
  return { names: new Set(named.filter(isRight)), wrong: named.filter((text) => !isRight(text)) };
}
