// Who may say what to the service. People are added where the service runs, by who has its
// credential for NATS: there is no first administrator to guess.

import type { Log } from "@harmony/runtime";
import { UserError } from "@harmony/runtime";
import type { Person } from "@iot/identity";
import type { Messaging } from "@iot/messaging";
import type { Plan } from "./plan/held.ts";
import { planPerson, planPersonRemoval } from "./plan/secrets.ts";
import { Records } from "./records/records.ts";
import { digestOf, makeSecret } from "./secret.ts";

interface Access {
  readonly messaging: Messaging;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The secret, which is kept nowhere. @throws UserError */
export async function addPerson(access: Access, { name, role }: Pick<Person, "name" | "role">): Promise<string> {
  const secret = makeSecret("person");
  await carryOut(access, (records) => planPerson(records, { name, role, sha256: digestOf(secret) }));
  return secret;
}

/** @throws UserError */
export async function removePerson(access: Access, name: string): Promise<void> {
  await carryOut(access, (records) => planPersonRemoval(records, name));
}

async function carryOut<Answer>(access: Access, plan: (records: Records) => Plan<Answer>): Promise<void> {
  const records = await Records.open(access);
  try {
    const planned = await records.carryOut(() => plan(records));
    if (planned.kind === "refused") throw new UserError(planned.refusal.why);
  } finally {
    await records.close();
  }
}
