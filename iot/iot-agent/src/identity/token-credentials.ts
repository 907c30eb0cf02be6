// What an enrolled device shows to NATS: its id, and a token that the issuer gives for a signature
// of its own key. It is asked for at half of its life, and kept on disk, so that neither a reboot
// nor an issuer that is away keeps the device from NATS while the token is good. The local clock
// never judges a token: NATS does, and a token that was refused is the reason to ask for another.

import { stat } from "node:fs/promises";
import { backoffMs, type Clock, errorText, type Log, systemClock } from "@harmony/runtime";
import { canonicalJson } from "@harmony/schema";
import { asCredential, type Credential, type CredentialSource } from "@iot/messaging/device";
import type { Given, NatsServers, OpenBaoPlace, Signer, ZitadelAccount } from "@iot/identity/device";
import type { EnrolmentService } from "./enrolment-service.ts";
import type { Token, TokenIssuer } from "./token-issuer.ts";
import type { HeldToken, Identity, IdentityStore } from "./identity-store.ts";

const KEY_LIFE_MS = 365 * 86_400_000;
const RENEW_AT = 0.5;
const JITTER = 0.1;
const WARN_BELOW = 0.25;
/** A second dial within this time: the token was probably refused. */
const REFUSED_WITHIN_MS = 60_000;
/** After an answer that was no token: a device that is enabled again is soon in. */
const REFUSED_AGAIN = { baseMs: 5_000, maxMs: 60_000 };
const DOWN_AGAIN = { baseMs: 30_000, maxMs: 600_000 };
/** Without it each dial of a server that is away would ask for one. */
const NOT_BEFORE_MS = 30_000;

/** When a token is replaced, after it was given. Pure. */
export function renewalAfterMs(lifeS: number, random: () => number = Math.random): number {
  return lifeS * 1_000 * (RENEW_AT + JITTER * (random() - 0.5) * 2);
}

export interface TokenCredentialsOptions {
  readonly store: IdentityStore;
  readonly service: EnrolmentService;
  readonly identity: Identity;
  /** Zitadel, for a device that has an account there. @throws when the configuration names another. */
  readonly issuerOf: (account: ZitadelAccount) => Pick<TokenIssuer, "token">;
  /** Asks OpenBao, where the service says that there is one. */
  readonly wayToNats: (place: OpenBaoPlace) => Promise<Given<NatsServers>>;
  /** The service names other servers than before; they are on the disk already. */
  readonly onMoved: () => void;
  readonly log: Log;
  readonly clock?: Clock;
}

export class TokenCredentials implements CredentialSource {
  readonly #options: TokenCredentialsOptions;
  readonly #clock: Clock;
  readonly #callbacks = new Set<() => void>();
  #held: HeldToken | null = null;
  #identity: Identity;
  /**
   * When this process was given it; null: the token was on the disk, and its age is not known for
   * sure.
   */
  #givenMonotonicMs: number | null = null;
  #askedMonotonicMs = Number.NEGATIVE_INFINITY;
  #mayAskMonotonicMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** The sentence of the last failure; logged once. */
  #why = "";
  #renewing: Promise<void> | null = null;

  constructor(options: TokenCredentialsOptions) {
    this.#options = options;
    this.#identity = options.identity;
    this.#clock = options.clock ?? systemClock;
  }

  async current(): Promise<Credential> {
    this.#held ??= await this.#options.store.token();
    const nowMs = this.#clock.monotonicMs();
    const isAgain = nowMs - this.#askedMonotonicMs < REFUSED_WITHIN_MS;
    this.#askedMonotonicMs = nowMs;
    if (this.#held === null || isAgain || this.#looksOld()) await this.#renew();
    if (this.#held === null) throw new Error(this.#why);
    return { ...asCredential({ user: this.#identity.device, pass: this.#held.access_token }), kind: "token" };
  }

  /** The same for others than NATS. @throws why there is none. */
  async token(): Promise<string> {
    this.#held ??= await this.#options.store.token();
    if (this.#held === null || this.#looksOld()) await this.#renew();
    if (this.#held === null) throw new Error(this.#why);
    return this.#held.access_token;
  }

  /** Asks what the fleet says today of this device. Gives why that is not known; null: it is. */
  async refresh(): Promise<string | null> {
    try {
      return await this.#readDevice(await this.token());
    } catch (error) {
      return errorText(error);
    }
  }

  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** Renews for as long as the agent runs. Never throws. */
  async keepFresh(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(this.#nextMs(), signal).catch(() => undefined);
      if (signal.aborted) return;
      const before = this.#held;
      await this.#renew();
      if (this.#held !== before) for (const callback of this.#callbacks) callback();
    }
  }

  /** By the wall clock, which may be wrong: the answer decides only whether it is asked for. */
  #looksOld(): boolean {
    if (this.#held === null) return true;
    const { obtainedAtMs, expires_in: lifeS } = this.#held;
    const ageMs = this.#givenMonotonicMs === null ? this.#clock.now() - obtainedAtMs : this.#clock.monotonicMs() - this.#givenMonotonicMs;
    return ageMs < 0 || ageMs > lifeS * 1_000 * (1 - WARN_BELOW);
  }

  #nextMs(): number {
    const nowMs = this.#clock.monotonicMs();
    if (this.#failures > 0) return Math.max(1_000, this.#mayAskMonotonicMs - nowMs);
    if (this.#held === null) return DOWN_AGAIN.baseMs;
    const { obtainedAtMs, expires_in: lifeS } = this.#held;
    const ageMs = this.#givenMonotonicMs === null ? Math.max(0, this.#clock.now() - obtainedAtMs) : nowMs - this.#givenMonotonicMs;
    return Math.max(1_000, renewalAfterMs(lifeS) - ageMs);
  }

  /** One at a time, and not more often than the back-off permits. */
  async #renew(): Promise<void> {
    if (this.#held !== null && this.#clock.monotonicMs() < this.#mayAskMonotonicMs) return;
    this.#renewing ??= this.#ask().finally(() => {
      this.#renewing = null;
    });
    await this.#renewing;
  }

  async #ask(): Promise<void> {
    const { store, service, log } = this.#options;
    try {
      const { zitadel } = this.#identity;
      const signer = await store.signer();
      const given = zitadel === undefined ? await service.token(signer, this.#identity) : await this.#tokenOf(signer, zitadel);
      if (!given.ok) return this.#failed(`the issuer gives no token: ${given.why}`, given.kind === "refused" ? REFUSED_AGAIN : DOWN_AGAIN);
      await this.#hold(given.value);
      if (this.#failures > 0) log.info("the issuer gives tokens again");
      this.#failures = 0;
      this.#why = "";
      this.#mayAskMonotonicMs = this.#clock.monotonicMs() + NOT_BEFORE_MS;
      await this.#readDevice(given.value.access_token);
    } catch (error) {
      this.#failed(errorText(error), DOWN_AGAIN);
    }
  }

  #tokenOf(signer: Signer, account: ZitadelAccount): ReturnType<TokenIssuer["token"]> {
    return this.#options.issuerOf(account).token(signer, { device: this.#identity.device, keyId: account.keyId });
  }

  async #hold(given: Token): Promise<void> {
    const { store, log } = this.#options;
    const token = { ...given, obtainedAtMs: this.#clock.now() };
    this.#held = token;
    this.#givenMonotonicMs = this.#clock.monotonicMs();
    await store.saveToken(token).catch((error: unknown) => log.warn("the token is not on the disk", { error: errorText(error) }));
  }

  #failed(why: string, again: typeof DOWN_AGAIN): void {
    this.#failures += 1;
    this.#mayAskMonotonicMs = this.#clock.monotonicMs() + backoffMs(this.#failures, again);
    const meanwhile = this.#held === null ? "" : `; the present one is shown to NATS for as long as NATS takes it${this.#leftText()}`;
    if (this.#why !== why) this.#options.log.warn(`${why}${meanwhile}; what runs keeps running`);
    this.#why = why;
  }

  #leftText(): string {
    if (this.#held === null || this.#givenMonotonicMs === null) return "";
    const leftS = this.#held.expires_in - (this.#clock.monotonicMs() - this.#givenMonotonicMs) / 1_000;
    return `, about ${Math.max(0, Math.round(leftS / 60))} min`;
  }

  /**
   * What the service says today of this device, and OpenBao of its way to NATS. An answer that cannot
   * be had changes nothing; it gives why.
   */
  async #readDevice(token: string): Promise<string | null> {
    const { store, service, onMoved, log } = this.#options;
    const given = await service.device(token);
    if (!given.ok) return given.why;
    const { device, issuer, project, openbao, zitadel, keyId, replaceKey } = given.value;
    if (device !== this.#identity.device) {
      log.warn("the enrolment service answers for another device; nothing of it is taken", { device });
      return "the enrolment service answers for another device";
    }
    if (replaceKey === this.#identity.keyId || (await this.#isKeyOld())) await this.#rekey(token);
    else if (keyId === this.#identity.keyId) await this.#move(zitadel);
    else if (keyId !== undefined) await service.keyUsed(await store.signer(), this.#identity);
    const read = openbao === undefined ? null : await this.#options.wayToNats(openbao);
    const nats = given.value.nats ?? (read?.ok === true ? read.value : this.#identity.nats);
    const { openbao: _, ...before } = this.#identity;
    const now: Identity = { ...before, issuer, project, ...(nats && { nats }), ...(openbao && { openbao }) };
    if (canonicalJson(now) !== canonicalJson(this.#identity)) {
      this.#identity = now;
      await store.saveIdentity(now);
      log.info("the fleet says another way to NATS, or where this device gets what it needs", { servers: nats?.urls });
      onMoved();
    }
    return read?.ok === false ? read.why : null;
  }

  /** The other issuer counts when it has given a token: until then the present one goes on. */
  async #move(zitadel: ZitadelAccount | undefined): Promise<void> {
    const { store, service, log } = this.#options;
    const { zitadel: before, ...rest } = this.#identity;
    if (canonicalJson(zitadel ?? null) === canonicalJson(before ?? null)) return;
    const moved: Identity = zitadel === undefined ? rest : { ...rest, zitadel };
    const to = zitadel?.issuer ?? moved.issuer;
    const signer = await store.signer();
    const given = zitadel === undefined ? await service.token(signer, moved) : await this.#tokenOf(signer, zitadel);
    if (!given.ok)
      return log.warn(`tokens are to come from ${to}, which gives none yet: ${given.why}; they come from where they came from`);
    this.#identity = moved;
    await store.saveIdentity(moved);
    await this.#hold(given.value);
    log.info("tokens come from another issuer now", { issuer: to });
    if (zitadel !== undefined) await service.device(given.value.access_token);
  }

  async #isKeyOld(): Promise<boolean> {
    const { mtimeMs } = await stat(this.#options.store.keyFile);
    return this.#clock.now() - mtimeMs > KEY_LIFE_MS;
  }

  async #rekey(token: string): Promise<void> {
    const { store, service, log } = this.#options;
    const { device, keyId } = this.#identity;
    const given = await service.replaceKey(await store.signer(), await store.nextSigner(), { device, keyId, token });
    if (!given.ok) return log.warn(`the key of this device is not replaced yet: ${given.why}`);
    const { keyId: nextId, zitadel } = given.value;
    this.#identity = { ...this.#identity, keyId: nextId, ...(zitadel === undefined ? {} : { zitadel }) };
    await store.saveIdentity(this.#identity);
    const signer = await store.signer();
    log.info("this device has another key", { keyId: nextId });
    if (zitadel !== undefined) await service.keyUsed(signer, this.#identity);
  }
}
