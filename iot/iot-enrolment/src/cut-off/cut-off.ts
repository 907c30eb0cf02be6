// Ends what a disabled device has open, in the order that keeps it out: first every callout has to
// know, then its connections end. The other way round it was back by the grant that a callout still
// held. A connection that came in between is seen by looking once more.

import { errorText } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import type { Messaging } from "@iot/messaging";
import { errors, type NatsConnection } from "@nats-io/nats-core";
import * as z from "zod/mini";

export interface Step {
  readonly step: string;
  readonly isDone: boolean;
  readonly message: string;
}

/** As a callout says it of one device. */
const CalloutState = z.object({ revision: z.int(), state: z.string() });
const Connections = z.object({
  server: z.object({ id: z.string() }),
  data: z.object({ connections: z.optional(z.array(z.object({ cid: z.int() }))) }),
});

const ASKED_MS = 2_000;
/** After the last answer, so many more are waited for. */
const STALL_MS = 100;
const ROUNDS = 10;

/** `revision`: of the grant that each callout has to have. */
export async function awaitCallouts(auth: Messaging, device: string, revision: number): Promise<Step> {
  const step = "callouts";
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = await gather(auth.connection, `iot.auth.reread.${device}`, "");
      if (answers.length === 0)
        return { step, isDone: true, message: "no callout answers: nobody comes in until one does, and it reads the grant first" };
      const revisions = answers.map((data) => parseJson(CalloutState, data)).map((read) => (read.ok ? read.value.revision : 0));
      if (revisions.every((each) => each >= revision))
        return { step, isDone: true, message: `${answers.length} of ${answers.length} know it` };
    }
    return { step, isDone: false, message: "a callout has still the grant of before: see its log, then say it again" };
  } catch (error) {
    return { step, isDone: false, message: `the callouts cannot be asked (${errorText(error)}): say it again when NATS answers` };
  }
}

/** `system`: the user `kick` of the account SYS; null: its password was not given, or not taken. */
export async function endConnections(system: Messaging | null, device: string): Promise<Step> {
  const step = "connections";
  if (system === null) {
    return {
      step,
      isDone: false,
      message:
        "they are not ended, and last as long as the token: nobody is connected as the user kick (NATS_KICK_PASSWORD); say it again when somebody is",
    };
  }
  const { kind, message } = system.state();
  if (kind === "disconnected") return { step, isDone: false, message: `they are not ended (${message}): say it again when NATS answers` };
  let ended = 0;
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const found = await kick(system.connection, device);
      if (found === 0) return { step, isDone: true, message: ended === 0 ? "it had none" : `${ended} ended` };
      ended += found;
    }
    return { step, isDone: false, message: `${ended} ended, and there are more: say it again` };
  } catch (error) {
    return { step, isDone: false, message: `they cannot be ended (${errorText(error)}): say it again when NATS answers` };
  }
}

/** How many there were, on all servers. */
async function kick(connection: NatsConnection, device: string): Promise<number> {
  const options = JSON.stringify({ user: device, acc: "DEVICES", auth: true });
  let count = 0;
  const answers = await gather(connection, "$SYS.REQ.SERVER.PING.CONNZ", options, async (data) => {
    const parsed = parseJson(Connections, data);
    if (!parsed.ok) throw new Error("a server's answer is not what nats-server 2.15 gives");
    for (const { cid } of parsed.value.data.connections ?? []) {
      count += 1;
      await connection.request(`$SYS.REQ.SERVER.${parsed.value.server.id}.KICK`, JSON.stringify({ cid }), { timeout: ASKED_MS });
    }
  });
  if (answers.length === 0) throw new Error("no server answers");
  return count;
}

/** All answers to one question; none when nobody listens. */
async function gather(
  connection: NatsConnection,
  subject: string,
  payload: string,
  onAnswer: (data: Uint8Array) => Promise<void> = () => Promise.resolve(),
): Promise<readonly Uint8Array[]> {
  const answers: Uint8Array[] = [];
  try {
    for await (const message of await connection.requestMany(subject, payload, { strategy: "stall", maxWait: ASKED_MS, stall: STALL_MS })) {
      answers.push(message.data);
      await onAnswer(message.data);
    }
  } catch (error) {
    if (!(error instanceof errors.NoRespondersError)) throw error;
  }
  return answers;
}
