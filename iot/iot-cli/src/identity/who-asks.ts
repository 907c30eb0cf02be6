// Says who asks NATS: a person of the enrolment service, by a token that is asked for at each dial,
// or a static user of the environment.

import { personInbox } from "@iot/contracts";
import { PersonToken } from "@iot/identity";
import { asCredential, type Credential, type CredentialSource } from "@iot/messaging";
import type { Surroundings } from "../command-line/command.ts";
import type { NatsAccess } from "../command-line/nats.ts";
import { natsAccess } from "../command-line/nats-option.ts";
import { askEnrolment, enrolmentAccess } from "./enrolment-client.ts";

export interface Person {
  /** Empty: nobody is named. */
  readonly user: string;
  readonly credentials: CredentialSource | undefined;
}

/** A person of the enrolment service, where there is one. @throws UserError */
export async function whoIsThere(at: Surroundings): Promise<Person> {
  if ((at.env["IOT_ENROLMENT_URL"] ?? "") !== "") return personOf(at);
  return { user: at.env["NATS_USER"] ?? "", credentials: undefined };
}

/**
 * For a command that looks at the fleet, or says something to the operators: NATS_USER where it is
 * set, else the person, else nobody, which a server without accounts takes. @throws UserError
 */
export async function fleetAccess(nats: string | undefined, at: Surroundings): Promise<NatsAccess> {
  const access = natsAccess(nats, at);
  const { user = "" } = access;
  if (user !== "") return /[\s.*>]/.test(user) ? access : { ...access, inbox: personInbox(user) };
  if ((at.env["IOT_ENROLMENT_URL"] ?? "") === "") return access;
  const person = await personOf(at);
  return { ...access, credentials: person.credentials, inbox: personInbox(person.user) };
}

async function personOf({ env, signal }: Surroundings): Promise<Person> {
  const access = await enrolmentAccess(env);
  const ask = (aborted: AbortSignal): Promise<PersonToken> =>
    askEnrolment(access, { method: "POST", path: "/v1/token" }, PersonToken, aborted);
  let first: PersonToken | null = await ask(signal);
  const user = first.name;
  const current = async (aborted: AbortSignal): Promise<Credential> => {
    const { name, access_token: pass } = first ?? (await ask(aborted));
    first = null;
    return { ...asCredential({ user: name, pass }), kind: "token" };
  };
  return { user, credentials: { current } };
}
