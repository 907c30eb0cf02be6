// What people ask of the operators, by request and reply on `iot.operator.<verb>`. Every operator
// hears every request and answers for its own source. The one who asks takes the first answer that
// says `done`, or else all answers. Nobody but an operator writes a bucket.

import { errorText, type Log } from "@harmony/runtime";
import { plainText } from "@harmony/core";
import { parseJson } from "@harmony/schema";
import { MESSAGE_CHARACTERS, OPERATOR_VERBS, OperatorAnswer, OperatorRequest, operatorSubject, type OperatorVerb } from "@iot/contracts";
import { createInbox, type Msg } from "@nats-io/nats-core";
import * as z from "zod/mini";
import type { Messaging } from "../connection/connect.ts";
import { MessagingError } from "../connection/messaging-error.ts";

export interface Asked {
  readonly verb: OperatorVerb;
  readonly request: OperatorRequest;
  /** The user of NATS who asks, as far as the server says it. */
  readonly by: string;
}

/** Operators read no longer one. Ids and names are a few hundred bytes. */
const REQUEST_BYTES = 4_096;

/** Answers until aborted. `answer` gives null for what another source has to answer. */
export function serveOperatorRequests(
  messaging: Messaging,
  answer: (asked: Asked) => Promise<OperatorAnswer>,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): void {
  if (signal.aborted) return;
  const subscriptions = OPERATOR_VERBS.map((verb) =>
    messaging.connection.subscribe(operatorSubject(verb), {
      callback: (error, message) => {
        // Nobody would hear what was done.
        if (error !== null || (message.reply ?? "") === "") return;
        const request = parseJson(OperatorRequest, message.data, { bytes: REQUEST_BYTES, values: 20, depth: 2 });
        if (!request.ok) return;
        answer({ verb, request: request.value, by: askedBy(message) }).then(
          (answered) => void message.respond(JSON.stringify(answered)),
          (failure: unknown) => {
            log.warn("failed to answer a request", { verb, error: failure });
            // To `state`, the state in the bucket is the answer.
            if (verb === "state") return;
            const answered: OperatorAnswer = { source: "", done: false, message: `the operator failed at it: ${errorText(failure)}` };
            message.respond(JSON.stringify(answered));
          },
        );
      },
    }),
  );
  signal.addEventListener("abort", () => subscriptions.forEach((subscription) => subscription.unsubscribe()), { once: true });
}

const RequestInfo = z.looseObject({ user: z.optional(z.string()), acc: z.optional(z.string()) });

function askedBy({ headers }: Msg): string {
  const info = parseJson(RequestInfo, headers?.get("Nats-Request-Info") ?? "{}");
  const user = info.ok ? info.value.user : undefined;
  return user === undefined ? "the user of CONTROL" : plainText(user, 64);
}

const WAIT_MS = 10_000;
/** When one has answered that it is not its own, the others have this long. */
const OTHERS_MS = 1_500;

/**
 * What the operators said; the one that did it, alone, if one did. @throws MessagingError when none
 * answers, and when the request is longer than an operator reads.
 */
export async function askOperators(
  messaging: Messaging,
  verb: OperatorVerb,
  request: OperatorRequest,
  signal: AbortSignal,
): Promise<readonly OperatorAnswer[]> {
  const body = JSON.stringify(request);
  if (Buffer.byteLength(body) > REQUEST_BYTES) {
    throw new MessagingError(
      "TooLarge",
      `what is asked has ${Buffer.byteLength(body)} bytes, and operators read ${REQUEST_BYTES}: shorten it`,
    );
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const answers: OperatorAnswer[] = [];
  const inbox = createInbox();
  let timer = setTimeout(resolve, WAIT_MS);
  const subscription = messaging.connection.subscribe(inbox, {
    callback: (error, message) => {
      // No responders.
      if (error !== null || message.headers?.code === 503) return resolve();
      const answer = parseJson(OperatorAnswer, message.data);
      if (!answer.ok) return;
      const { source, done, message: text, reason } = answer.value;
      const why = reason === undefined ? {} : { reason: plainText(reason, 64) };
      answers.push({ source: plainText(source, 256), done, message: plainText(text, MESSAGE_CHARACTERS), ...why });
      clearTimeout(timer);
      if (done) resolve();
      else timer = setTimeout(resolve, OTHERS_MS);
    },
  });
  const abort = (): void => resolve();
  signal.addEventListener("abort", abort, { once: true });
  try {
    messaging.connection.publish(operatorSubject(verb), body, { reply: inbox });
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    subscription.unsubscribe();
  }
  signal.throwIfAborted();
  if (answers.length === 0) throw new MessagingError("Timeout", "no operator answers: is one running, and connected to this NATS?");
  const done = answers.filter((answer) => answer.done);
  return done.length > 0 ? done : answers;
}
