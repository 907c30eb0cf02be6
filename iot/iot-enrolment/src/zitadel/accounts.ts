// The accounts of devices at Zitadel: looked at, compared with the record, and brought to what it
// says. One pass of a device at a time; a device that asks begins one, so nothing has to be remembered
// of a pass that failed.

import { setTimeout as pause } from "node:timers/promises";
import { backoffMs, errorText, type Log } from "@harmony/runtime";
import type { DeviceRecord, Issuer } from "@iot/identity";
import { type AccountSent, type AccountStep, planAccount, planAccountKey } from "../plan/account.ts";
import type { Records } from "../records/records.ts";
import { ZitadelAdministrator, type ZitadelConfig } from "./administrator.ts";

const LOOK_AGAIN = { baseMs: 250, maxMs: 5_000 };
/** Zitadel's own tests give a new key a minute to be shown. */
const PASSES = 20;

export interface AccountsOptions {
  readonly config: ZitadelConfig;
  readonly records: Records;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export class Accounts {
  readonly config: ZitadelConfig;
  readonly administrator: ZitadelAdministrator;
  readonly #records: Records;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #underWay = new Map<string, Promise<boolean>>();
  #said = "";

  constructor({ config, records, log, signal }: AccountsOptions) {
    this.config = config;
    this.administrator = new ZitadelAdministrator(config);
    this.#records = records;
    this.#log = log;
    this.#signal = signal;
  }

  /** As the callouts are to believe it, before its keys were read. */
  get issuer(): Issuer {
    const { url, project, organisation } = this.config;
    return { kind: "zitadel", issuer: url, project, organisation, jwks: { keys: [] } };
  }

  /** true: Zitadel has what the record says. It never throws: who asks again begins again. */
  settle(device: string): Promise<boolean> {
    const underWay = this.#underWay.get(device);
    if (underWay !== undefined) return underWay;
    const pass = this.#settle(device)
      .catch((error: unknown) => {
        const why = errorText(error);
        if (why !== this.#said) this.#log.warn(`the account of a device is not made yet: ${why}`, { device });
        this.#said = why;
        return false;
      })
      .finally(() => this.#underWay.delete(device));
    this.#underWay.set(device, pass);
    return pass;
  }

  async #settle(device: string): Promise<boolean> {
    const sent = { isMade: false, isRoleSent: false, keys: new Map<string, string>() };
    for (let pass = 1; pass <= PASSES && !this.#signal.aborted; pass += 1) {
      const record = this.#records.device(device).value;
      if (record === null) return false;
      const steps = planAccount(record, await this.administrator.look(device), sent);
      if (steps.length === 0) return this.#done(record);
      for (const step of steps) await this.#apply(device, step, sent);
      const isWaiting = steps.every(({ step }) => step === "wait");
      if (isWaiting) await pause(backoffMs(pass, LOOK_AGAIN), undefined, { signal: this.#signal });
    }
    throw new Error("Zitadel does not show what it took");
  }

  #done({ state }: DeviceRecord): boolean {
    if (this.#said !== "") this.#log.info("the accounts of devices are made again");
    this.#said = "";
    return state === "approved";
  }

  async #apply(
    device: string,
    step: AccountStep,
    sent: { isMade: boolean; isRoleSent: boolean; readonly keys: Map<string, string> } & AccountSent,
  ): Promise<void> {
    switch (step.step) {
      case "addMachine":
        await this.administrator.addMachine(device);
        sent.isMade = true;
        return;
      case "addRole":
        await this.administrator.addRole(device);
        sent.isRoleSent = true;
        return;
      case "addKey":
        sent.keys.set(step.keyId, await this.administrator.addKey(device, step.publicKey));
        return;
      case "removeKey":
        return this.administrator.removeKey(device, step.zitadelKeyId);
      case "keep":
        await this.#records.carryOut(() => planAccountKey(this.#records, device, step.keyId, step.zitadelKeyId));
        this.#log.info("a device has a key at Zitadel", { device, keyId: step.keyId, zitadelKeyId: step.zitadelKeyId });
        return;
      case "wait":
    }
  }
}
