// The enrolment service of a fleet without Zitadel and OpenBao: makes a device of a key that somebody
// let in, gives it tokens, and writes its grant. It is needed by who begins, and never by what runs.
// One runs at a time. What both sides ask is in the two files of routes; what is written is planned.

import type { KeyObject } from "node:crypto";
import { type Log, systemClock } from "@harmony/runtime";
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

const NONCES = 10_000;
const ENROLMENTS_A_MINUTE = 10;

/** Resolves when the grants are what the records say. @throws MessagingError, or the signal's reason. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { messaging, system, key, url, nats, log, signal, tokenLifeS, replicas, enrolmentsAMinute = ENROLMENTS_A_MINUTE } = options;
  const issuer = openIssuer(key, { url, tokenLifeS });
  let isLost = false;
  const onGrantLost = (): void => {
    if (isLost || records === null) return;
    isLost = true;
    repair(records).catch((error: unknown) => log.warn("the grants could not be repaired", { error }));
  };
  const repair = async (of: Records): Promise<void> => {
    const planned = await of.carryOut(() => {
      isLost = false;
      return planRepair(of, issuer.document);
    });
    if (planned.kind === "do" && planned.answer > 0)
      log.info("grants are made from the records of the devices", { grants: planned.answer });
  };
  let records: Records | null = null;
  const opened = await Records.open({ messaging, log, signal, replicas, onGrantLost });
  records = opened;
  await repair(opened);
  return {
    messaging,
    system,
    url,
    nats,
    log,
    issuer,
    records: opened,
    nonces: new Nonces(NONCES, systemClock),
    enrolmentLimit: new AddressLimit(enrolmentsAMinute, systemClock),
    close: () => opened.close(),
  };
}
