// What a person says to the operators about removals, and what was said and done: `iot confirm`,
// `keep`, `adopt`, `forget` and `audit`. The operator writes; `iot` only asks, and prints its
// answer.

import { plainText } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { type AuditEvent, MESSAGE_CHARACTERS, type OperatorAnswer, type OperatorRequest, type OperatorVerb } from "@iot/contracts";
import { askOperators, readAudit } from "@iot/messaging";
import { type NatsAccess, withNats } from "../command-line/nats.ts";

/**
 * What was done, as a sentence. @throws UserError with what the operators said when none did it.
 */
export async function ask(access: NatsAccess, verb: OperatorVerb, request: OperatorRequest, signal: AbortSignal): Promise<string> {
  const answers = await answersOf(access, verb, request, signal);
  if (!isDone(answers)) throw new UserError(sentenceOf(answers));
  return sentenceOf(answers);
}

/** That of the one that did it, or all. @throws UserError when none answers. */
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

/** The last `count` events, the oldest first; of one source unless null. */
export async function audit(
  access: NatsAccess,
  { count, source }: { readonly count: number; readonly source: string | null },
  signal: AbortSignal,
): Promise<readonly AuditEvent[]> {
  const events = await withNats(access, signal, (messaging) => readAudit(messaging, count));
  return events.filter((event) => source === null || event.source === source);
}

/** A line an event: when, which source, what, by whom, and the sentence. */
export function renderAudit(events: readonly AuditEvent[]): string {
  if (events.length === 0) return "Nothing was removed, held or said.\n";
  const cell = (text: string): string => plainText(text, MESSAGE_CHARACTERS);
  return events.map(({ at, source, what, by, message }) => `${[at, source, what, by].map(cell).join("  ")}  ${cell(message)}\n`).join("");
}
