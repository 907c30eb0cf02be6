// What a person says to the operators about removals: `iot confirm`, `keep`, `adopt` and `forget`.
// The operator writes; `iot` only asks, and prints its answer.

import { UserError } from "@harmony/runtime";
import type { OperatorRequest, OperatorVerb } from "@iot/contracts";
import { askOperators } from "@iot/messaging";
import { type NatsAccess, withNats } from "../command-line/nats.ts";

/**
 * What was done, as a sentence. @throws UserError with what the operators said when none did it.
 */
export async function ask(access: NatsAccess, verb: OperatorVerb, request: OperatorRequest, signal: AbortSignal): Promise<string> {
  const answers = await withNats(access, signal, (messaging, asking) => askOperators(messaging, verb, request, asking));
  const text = answers.map(({ message }) => message).join("; ");
  if (!answers.some(({ done }) => done)) throw new UserError(text);
  return text;
}
