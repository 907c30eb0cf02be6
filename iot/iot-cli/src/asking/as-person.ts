// The connection of a command that asks devices, as a user of the account of people, and what a
// question that was not answered means for the exit code.

import { plainText } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { asDeviceId, type DeviceId, personInbox, type SessionStatus } from "@iot/contracts";
import { DeviceAsker, type Ended, type Messaging, MessagingError, type Question } from "@iot/messaging";
import { EXIT } from "../command-line/exit-codes.ts";
import type { Surroundings } from "../command-line/command.ts";
import { exitCodeOf, withNats } from "../command-line/nats.ts";
import { natsAccess } from "../command-line/nats-option.ts";
import { whoIsThere } from "../identity/who-asks.ts";

export const PEOPLE_DETAILS =
  "You ask as a person of the enrolment service (IOT_ENROLMENT_URL, IOT_PERSON_FILE), or as NATS_USER, a user of the account PEOPLE of NATS (iot/deploy/nats/people.conf); your role says what you may ask. The device has the last word: [remote] in its config.toml.";

/**
 * For what is read without asking a device. Where nobody is named, it is read as whoever NATS lets.
 * @throws UserError, with the sentence for the person.
 */
export async function withReader<Result>(
  nats: string | undefined,
  at: Surroundings,
  work: (messaging: Messaging) => Promise<Result>,
): Promise<Result> {
  const { user, credentials } = await whoIsThere(at);
  const inbox = user === "" ? "_INBOX" : personInbox(user);
  return withNats({ ...natsAccess(nats, at), credentials, inbox }, at.signal, work);
}

/** @throws UserError, with the sentence for the person. */
export async function withAsker<Result>(
  nats: string | undefined,
  at: Surroundings,
  work: (asker: DeviceAsker, messaging: Messaging) => Promise<Result>,
): Promise<Result> {
  const { user, credentials } = await whoIsThere(at);
  if (user === "") throw new UserError("say who asks: neither IOT_ENROLMENT_URL nor NATS_USER is set", EXIT.usage);
  const inbox = personInbox(user);
  return withNats({ ...natsAccess(nats, at), credentials, inbox, isLasting: true }, at.signal, async (messaging) => {
    try {
      return await work(new DeviceAsker(messaging, { inbox }), messaging);
    } finally {
      // What was said last, as a good-bye, is on its way before the connection is closed.
      if (messaging.state().kind === "connected") await messaging.connection.flush().catch(() => undefined);
    }
  });
}

/** @throws UserError */
export function deviceOf(text: string): DeviceId {
  try {
    return asDeviceId(text);
  } catch (cause) {
    throw new UserError(cause instanceof Error ? cause.message : String(cause), EXIT.usage, { cause });
  }
}

/** The answer of a verb without a stream. @throws UserError */
export async function askShortly(asker: DeviceAsker, question: Omit<Question, "isShort">, signal: AbortSignal): Promise<unknown> {
  const session = await asker.ask({ ...question, isShort: true }, signal).catch((error: unknown) => {
    throw asUserError(error, question.device);
  });
  const status = lastWord(await session.ended, question.device);
  return status.result;
}

/** @throws UserError when the device could not do it. */
export function lastWord(ended: Ended, device: DeviceId): SessionStatus {
  if (ended.kind !== "status") throw new UserError(interruption(ended, device), EXIT.notReached);
  const { reason, message } = ended.status;
  if (reason === undefined) return ended.status;
  throw new UserError(`${device}: ${plainText(message ?? reason, 1_000)}`, exitCodeOfReason(reason));
}

export function interruption({ kind }: Ended, device: DeviceId): string {
  switch (kind) {
    case "silent":
      return `nothing was heard of ${device} for 45 s`;
    case "gap":
      return `something of what ${device} sent was lost on the way`;
    case "lost":
      return "the connection to NATS was lost";
    default:
      return `${device} ended it`;
  }
}

const NOT_PERMITTED = new Set(["NotPermitted", "SharedCredential", "UnknownCaller"]);

function exitCodeOfReason(reason: string): number {
  return NOT_PERMITTED.has(reason) ? EXIT.notPermitted : EXIT.failed;
}

/** Nobody there is what a person asks first about. */
export function asUserError(error: unknown, device: DeviceId): unknown {
  if (!(error instanceof MessagingError)) return error;
  if (error.code !== "NoStore") return new UserError(error.message, exitCodeOf(error), { cause: error });
  const why = `${device} is not connected to NATS, or NATS_USER is no user of the account of people`;
  return new UserError(`${why}: iot status says since when a device is silent`, EXIT.notReached, { cause: error });
}
