// How a device comes to its identity: it asks with the token of its image, and asks again until a
// person has approved the code that it shows. Nothing that runs on the device waits for it. An
// identity that `iot-agent enrol` has made meanwhile ends the waiting, too.

import type { Log } from "@harmony/runtime";
import { backoffMs, type Clock, errorText, systemClock } from "@harmony/runtime";
import { codeOfKey, type EnrolmentAnswer, type Hardware, type Signer } from "@iot/identity/device";
import { createPublicKey } from "node:crypto";
import type { EnrolmentService } from "./enrolment-service.ts";
import type { Given } from "@iot/identity/device";
import type { Identity, IdentityStore } from "./identity-store.ts";

const LOOK_EVERY_MS = 1_000;
const AGAIN = { baseMs: 5_000, maxMs: 300_000 };
const DENIED_AGAIN_MS = 600_000;

/** What the waiting device says of itself, and when it asks next. Pure. */
export interface Wait {
  /** For `systemctl status`, the console and the log. */
  readonly sentence: string;
  readonly waitMs: number;
}

export function waitFor(
  given: Given<EnrolmentAnswer> | { readonly ok: false; readonly kind: "no token" },
  attempt: number,
  url: string,
): Wait {
  if (given.ok) {
    const { value } = given;
    if (value.state === "pending") return { sentence: `waiting for approval: ${value.code}`, waitMs: value.retryAfterS * 1_000 };
    const why = value.state === "denied" && value.reason !== undefined ? `: ${value.reason}` : "";
    return { sentence: `enrolment was denied${why}; its code is ${value.code}: ask the fleet's operator`, waitMs: DENIED_AGAIN_MS };
  }
  if (given.kind === "no token") {
    return {
      sentence: `this device has no identity, and no token to ask for one: iot device add NAME prints a code, then here: sudo iot-agent enrol ${url} CODE`,
      waitMs: DENIED_AGAIN_MS,
    };
  }
  const next = given.kind === "down" ? "it is asked again" : "put [enrolment] token right, or: sudo iot-agent enrol URL CODE";
  return { sentence: `this device is not enrolled yet: ${given.why}; ${next}`, waitMs: backoffMs(attempt, AGAIN) };
}

export interface EnrolOptions {
  readonly store: IdentityStore;
  readonly service: EnrolmentService;
  readonly url: string;
  readonly token: string | undefined;
  readonly hardware: () => Promise<Hardware>;
  /** Each new sentence. */
  readonly publish: (sentence: string) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/** Resolves when the device has an identity; rejects with the signal's reason alone. */
export async function untilEnrolled(options: EnrolOptions): Promise<Identity> {
  const { store, publish, log, signal, clock = systemClock } = options;
  let said = "";
  for (let attempt = 1; ; attempt += 1) {
    const known = await identityOf(store, log);
    if (known !== null) return known;
    const { sentence, waitMs } = await askOnce(options, attempt);
    if (sentence === null) continue;
    if (sentence !== said) {
      log.info(sentence);
      publish(sentence);
    }
    said = sentence;
    for (let waitedMs = 0; waitedMs < waitMs && (await identityOf(store, log)) === null; waitedMs += LOOK_EVERY_MS) {
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
    signal.throwIfAborted();
  }
}

type Asked = Wait | { readonly sentence: null; readonly waitMs: 0 };

async function askOnce({ store, service, url, token, hardware, log, signal }: EnrolOptions, attempt: number): Promise<Asked> {
  try {
    const signer = await usableSigner(store, log);
    const looked = await service.look(signer, codeOf(signer));
    const isUnknown = !looked.ok && looked.kind === "refused";
    if (isUnknown && token === undefined) return waitFor({ ok: false, kind: "no token" }, attempt, url);
    const given = isUnknown ? await service.enrol(signer, { token, hardware: await hardware() }) : looked;
    if (!given.ok || given.value.state !== "approved") return waitFor(given, attempt, url);
    await store.saveIdentity(given.value);
    log.info("this device is enrolled", { device: given.value.device, issuer: given.value.issuer });
    return { sentence: null, waitMs: 0 };
  } catch (error) {
    signal.throwIfAborted();
    return waitFor({ ok: false, kind: "down", why: errorText(error) }, attempt, url);
  }
}

/** Before it has an identity, a key that cannot be read is worth nothing, and another is made. */
export async function usableSigner(store: IdentityStore, log: Log): Promise<Signer> {
  try {
    return await store.signer();
  } catch (error) {
    log.warn("another key is made for this device", { error: errorText(error) });
    return store.makeSigner();
  }
}

export function codeOf(signer: Signer): string {
  return codeOfKey(createPublicKey(signer.publicKeyPem));
}

async function identityOf(store: IdentityStore, log: Log): Promise<Identity | null> {
  try {
    return await store.identity();
  } catch (error) {
    log.warn("cannot read the identity of this device", { error: errorText(error) });
    return null;
  }
}
