// The enrolment service: makes a device of a key that somebody let in, gives it tokens or an account
// at Zitadel, which gives them, and writes its grant. It is needed by who begins, and never by what runs.
// One runs at a time. What both sides ask is in the two files of routes; what is written is planned.

import { errorText, EX_CONFIG, type Log, systemClock, UserError } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import {
  type DeviceRecord,
  Issuer,
  type NatsServers,
  type OpenBao,
  type OpenBaoPlace,
  RemoteKeys,
  type TokenClaims,
  type Verified,
  verifyToken,
  type ZitadelAccount,
} from "@iot/identity";
import { type Messaging, purgeOldMarkers } from "@iot/messaging";
import { Nonces, AddressLimit } from "./http/bounds.ts";
import type { IssuerKeyFiles } from "./issuer/issuer-keys.ts";
import { openIssuer, type OwnIssuer } from "./issuer/issuer.ts";
import { OpenBaoKeeper } from "./openbao/openbao-keeper.ts";
import { type AccountPlace, accountOf } from "./plan/account.ts";
import type { Place } from "./plan/answer-request.ts";
import { planRepair, ZITADEL_KEY } from "./plan/repair.ts";
import { Records } from "./records/records.ts";
import { Accounts } from "./zitadel/accounts.ts";
import type { ZitadelConfig } from "./zitadel/administrator.ts";

export interface ServiceOptions {
  /** As the user `enrolment` of the account AUTH. */
  readonly messaging: Messaging;
  /** As the user `kick` of the account SYS; null: not there, or not yet. */
  readonly system: () => Messaging | null;
  readonly issuerKeys: IssuerKeyFiles;
  /** How often its files are looked at. */
  readonly issuerKeysEveryMs?: number | undefined;
  /** Where devices reach this service: it is the issuer of their tokens, too. */
  readonly url: string;
  /** What an approved device dials. */
  readonly nats: NatsServers;
  /** Where grants and each device's way to NATS live beside the buckets; null: in the buckets alone. */
  readonly openBao?: ServiceOpenBao | null;
  readonly tokenLifeS: number;
  /** Where devices get their tokens; without it, of this service. */
  readonly zitadel?: ZitadelConfig | null | undefined;
  readonly replicas?: number | undefined;
  readonly enrolmentsAMinute?: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface ServiceOpenBao {
  readonly bao: OpenBao;
  /** As devices reach it. */
  readonly forDevices: OpenBaoPlace;
}

export interface Service extends Pick<ServiceOptions, "messaging" | "system" | "url" | "log"> {
  /** What an approved device is answered besides who it is. */
  readonly place: Place;
  readonly openBao: OpenBaoKeeper | null;
  readonly issuer: OwnIssuer;
  readonly records: Records;
  /** null: there is no Zitadel. */
  readonly accounts: Accounts | null;
  /** null: not made yet. */
  account(record: DeviceRecord, keyId: string): ZitadelAccount | null;
  /** Whose tokens are believed. */
  issuers(): readonly Issuer[];
  /** The token of a device, by whichever issuer it is. */
  verify(token: string): Promise<Verified<TokenClaims>>;
  readonly nonces: Nonces;
  readonly enrolmentLimit: AddressLimit;
  close(): Promise<void>;
}

/** Used within a minute: each costs its user a signature. */
const NONCES = 100_000;
const ENROLMENTS_A_MINUTE = 10;
const ISSUER_KEYS_EVERY_MS = 60_000;

/**
 * Resolves when the grants are what the records say. @throws UserError when they are another
 * issuer's; MessagingError, or the signal's reason.
 */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { messaging, system, issuerKeys, url, nats, openBao = null, zitadel = null, log, signal, tokenLifeS, replicas } = options;
  const issuer = openIssuer(() => issuerKeys.current(), { url, tokenLifeS });
  const records = await Records.open({ messaging, log, signal, replicas });
  const accounts = zitadel === null ? null : new Accounts({ config: zitadel, records, log, signal });
  const place: AccountPlace | null = zitadel;
  const believed = (): Believed => ({ own: issuer.document, zitadel: accounts?.issuer ?? null });
  const remoteKeys = new RemoteKeys({ onKeys: () => undefined });
  const refusal = await repairGrants(records, believed, log);
  if (refusal !== null) {
    await records.close();
    throw new UserError(refusal, EX_CONFIG);
  }
  const endKeys = followIssuerKeys(options, () => repairGrants(records, believed, log));
  let isRepairing = false;
  records.onGrant((_key, isLost) => {
    if (!isLost || isRepairing) return;
    isRepairing = true;
    repairGrants(records, believed, log, () => (isRepairing = false)).catch((error: unknown) => {
      log.warn("the grants could not be repaired", { error });
    });
  });
  const { issuer: issuerUrl, project } = issuer.document;
  const keeper = openBao === null ? null : new OpenBaoKeeper({ bao: openBao.bao, records, nats, log, signal });
  const ended = new AbortController();
  const purging = purgeOldMarkers([records], { log, signal: AbortSignal.any([signal, ended.signal]) });
  return {
    messaging,
    system,
    url,
    log,
    place: { issuer: issuerUrl, project, ...(openBao === null ? { nats } : { openbao: openBao.forDevices }) },
    openBao: keeper,
    issuer,
    records,
    accounts,
    account: (record, keyId) => accountOf(record, keyId, place, systemClock.now()),
    issuers: () => issuersOf(records, issuer.document),
    verify: (token) => remoteKeys.verify(token, issuersOf(records, issuer.document), (each) => verifyToken(token, each, systemClock.now())),
    nonces: new Nonces(NONCES, systemClock),
    enrolmentLimit: new AddressLimit(options.enrolmentsAMinute ?? ENROLMENTS_A_MINUTE, systemClock),
    close: async () => {
      ended.abort();
      await purging;
      endKeys();
      await keeper?.close();
      await records.close();
    },
  };
}

interface Believed {
  readonly own: Issuer;
  readonly zitadel: Issuer | null;
}

/** Other keys are published, and the next one signs when others had the time to hear of it. */
function followIssuerKeys(
  { issuerKeys, issuerKeysEveryMs = ISSUER_KEYS_EVERY_MS, log }: ServiceOptions,
  publish: () => Promise<string | null>,
): () => void {
  issuerKeys.published(systemClock.now());
  let [problem, isPublished] = ["", true];
  const look = async (): Promise<void> => {
    try {
      const isChanged = await issuerKeys.look(systemClock.now());
      if (isChanged) log.info("the issuer's keys are others than before", { keys: issuerKeys.current().others.length + 1 });
      if (isChanged || !isPublished) isPublished = (await publish()) === null;
      if (isPublished) issuerKeys.published(systemClock.now());
      problem = "";
    } catch (error) {
      if (problem !== errorText(error)) log.warn("the issuer's keys stay as they were", { error });
      problem = errorText(error);
    }
  };
  const timer = setInterval(() => void look(), issuerKeysEveryMs).unref();
  return () => clearInterval(timer);
}

/** `onPlan`: what is lost from here on is not in it. Gives why it is refused, or null. */
async function repairGrants(
  records: Records,
  believed: () => Believed,
  log: Log,
  onPlan: () => void = () => undefined,
): Promise<string | null> {
  const planned = await records.carryOut(() => {
    onPlan();
    const { own, zitadel } = believed();
    return planRepair(records, own, zitadel);
  });
  if (planned.kind === "refused") return planned.refusal.why;
  if (planned.answer > 0) log.info("grants are made from the records of the devices", { grants: planned.answer });
  return null;
}

/** A device that comes back from Zitadel shows a token of it, though this service has none any more. */
function issuersOf(records: Records, own: Issuer): readonly Issuer[] {
  const kept = parseJson(Issuer, records.grant(ZITADEL_KEY).value ?? "null");
  return kept.ok ? [own, kept.value] : [own];
}
