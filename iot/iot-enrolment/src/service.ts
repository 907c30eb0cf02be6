// The enrolment service of a fleet without Zitadel and OpenBao: makes a device of a key that
// somebody let in, gives it tokens, and writes its grant. It is needed by who begins, and never by
// what runs. One runs at a time. What both sides ask is in the two files of routes; what is written
// is planned.

import type { KeyObject } from "node:crypto";
import { EX_CONFIG, type Log, systemClock, UserError } from "@harmony/runtime";
import type { NatsServers } from "@iot/identity";
import type { Messaging } from "@iot/messaging";
import { Nonces, AddressLimit } from "./http/bounds.ts";
import { openIssuer, type OwnIssuer } from "./issuer/issuer.ts";
import { planRepair } from "./plan/repair.ts";
import { Records } from "./records/records.ts";

export interface ServiceOptions {
  /** As the user `enrolment` of the account AUTH. */
  readonly messaging: Messaging;
  /** As the user `kick` of the account SYS; null: not there, or not yet. */
  readonly system: () => Messaging | null;
  readonly key: KeyObject;
  /** Where devices reach this service: it is the issuer of their tokens, too. */
  readonly url: string;
  /** What an approved device dials. */
  readonly nats: NatsServers;
  readonly tokenLifeS: number;
  readonly replicas?: number | undefined;
  readonly enrolmentsAMinute?: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Service extends Pick<ServiceOptions, "messaging" | "system" | "url" | "nats" | "log"> {
  readonly issuer: OwnIssuer;
  readonly records: Records;
  readonly nonces: Nonces;
  readonly enrolmentLimit: AddressLimit;
  close(): Promise<void>;
}

/** Used within a minute: each costs its user a signature. */
const NONCES = 100_000;
const ENROLMENTS_A_MINUTE = 10;

/**
 * Resolves when the grants are what the records say. @throws UserError when they are another
 * issuer's; MessagingError, or the signal's reason.
 */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { messaging, system, key, url, nats, log, signal, tokenLifeS, replicas, enrolmentsAMinute = ENROLMENTS_A_MINUTE } = options;
  const issuer = openIssuer(key, { url, tokenLifeS });
  const records = await Records.open({ messaging, log, signal, replicas });
  const refusal = await repairGrants(records, issuer, log);
  if (refusal !== null) {
    await records.close();
    throw new UserError(refusal, EX_CONFIG);
  }
  let isRepairing = false;
  records.onGrantLost(() => {
    if (isRepairing) return;
    isRepairing = true;
    repairGrants(records, issuer, log, () => (isRepairing = false)).catch((error: unknown) => {
      log.warn("the grants could not be repaired", { error });
    });
  });
  return {
    messaging,
    system,
    url,
    nats,
    log,
    issuer,
    records,
    nonces: new Nonces(NONCES, systemClock),
    enrolmentLimit: new AddressLimit(enrolmentsAMinute, systemClock),
    close: () => records.close(),
  };
}

/** `onPlan`: what is lost from here on is not in it. Gives why it is refused, or null. */
async function repairGrants(records: Records, issuer: OwnIssuer, log: Log, onPlan: () => void = () => undefined): Promise<string | null> {
  const planned = await records.carryOut(() => {
    onPlan();
    return planRepair(records, issuer.document);
  });
  if (planned.kind === "refused") return planned.refusal.why;
  if (planned.answer > 0) log.info("grants are made from the records of the devices", { grants: planned.answer });
  return null;
}
