// Every deed of a person is a line of the log, and an event in the stream `audit`, which lies in the
// operator's account and in which nobody can delete. A deed does not wait for it to be possible: what
// cannot be written there is said in the log.

import { systemClock } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { AUDIT_OF_IDENTITIES, type AuditEvent } from "@iot/contracts";
import * as z from "zod/mini";
import type { Service } from "./service.ts";

export interface Deed {
  readonly what: "read" | "code" | "approve" | "deny" | "disable" | "enable" | "forget" | "rekey" | "bootstrap" | "serials" | "revoke";
  /** The person; of a secret that was read, the device. */
  readonly by: string;
  /** null: it is of no device, or of one that has no id. */
  readonly device: string | null;
  readonly message: string;
}

const Acknowledgement = z.object({ stream: z.string(), seq: z.int() });
const SOURCE = "identity";
const WITHIN_MS = 2_000;

export async function auditDeed(parts: Pick<Service, "messaging" | "log">, deed: Deed): Promise<void> {
  const { what, by, device, message } = deed;
  parts.log.info("a person did something", { what, by, device: device ?? undefined, message });
  await writeToAudit(parts, deed);
}

export async function writeToAudit(
  { messaging, log }: Pick<Service, "messaging" | "log">,
  { what, by, device, message }: Deed,
): Promise<void> {
  const event: AuditEvent = { at: new Date(systemClock.now()).toISOString(), source: SOURCE, what, by, message };
  try {
    const subject = AUDIT_OF_IDENTITIES.replace("*", device ?? "_");
    const answer = await messaging.connection.request(subject, JSON.stringify(event), { timeout: WITHIN_MS });
    const stored = parseJson(Acknowledgement, answer.data);
    if (!stored.ok) throw new Error(`the stream did not take it: ${answer.string().slice(0, 200)}`);
  } catch (error) {
    log.warn("failed to write to the audit", { what, by, error });
  }
}
