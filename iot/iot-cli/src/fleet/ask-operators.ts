// What a person says to the operators about removals: `iot confirm`, `keep`, `adopt` and `forget`.
// The operator writes; `iot` only asks, and prints its answer.

import { UserError } from "@harmony/runtime";
import type { OperatorAnswer, OperatorRequest, OperatorVerb } from "@iot/contracts";
import { askOperators } from "@iot/messaging";
import { type NatsAccess, withNats } from "../command-line/nats.ts";

/**
 * What was done, as a sentence. @throws UserError with what the operators said when none did it.
 */
export async function ask(access: NatsAccess, verb: OperatorVerb, request: OperatorRequest, signal: AbortSignal): Promise<string> {
  const answers = await answersOf(access, verb, request, signal);
  if (!isDone(answers)) throw new UserError(sentenceOf(answers));
  return sentenceOf(answers);
}

/**
 * Gives the answer of the operator that did it, or else all answers. @throws UserError when none
 * answers.
 */
export function answersOf(
  access: NatsAccess,
  verb: OperatorVerb,
  request: OperatorRequest,
  signal: AbortSignal,
): Promise<readonly OperatorAnswer[]> {
  return withNats(access, signal, (messaging, asking) => askOperators(messaging, verb, request, asking));
}

export function isDone(answers: readonly OperatorAnswer[]): boolean {
  return answers.some(({ done }) => done);
}

/** Operators that say the same are one sentence. */
export function sentenceOf(answers: readonly OperatorAnswer[]): string {
  return [...new Set(answers.map(({ message }) => message))].join("; ");
}
