// A device with an identity: waited for when it has none yet, then the configuration that it gives,
// and the tokens that are shown to NATS. While it waits, systemd hears why and that the agent lives.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { backoffMs, errorText, type Log, systemClock, UserError } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import { deviceLogin, OpenBao, type OpenBaoPlace, PeerClock } from "@iot/identity/device";
import type { UserAndPassword } from "@iot/messaging/device";
import { type AgentConfig, type EnrolmentConfig, isEnrolment, type SharedConfig } from "../config/config.ts";
import { hardware } from "../device/topology.ts";
import type { ServiceManager } from "../systemd/service-manager.ts";
import { keepWatchdogFed } from "../systemd/watchdog.ts";
import { wayToNats } from "../openbao/way-to-nats.ts";
import { untilEnrolled } from "./enrol.ts";
import { EnrolmentService } from "./enrolment-service.ts";
import { type Identity, IdentityStore } from "./identity-store.ts";
import { TokenCredentials } from "./token-credentials.ts";
import { TokenIssuer } from "./token-issuer.ts";

/** A callout answers each login, and a whole fleet may log in at once. */
const LOGIN_WITHIN_MS = 20_000;
/** A deployment that lacks a secret waits for it no longer. */
const OPENBAO_WITHIN_MS = 5_000;
const NATS_AGAIN = { baseMs: 2_000, maxMs: 60_000 };

export interface EnrolledDevice {
  readonly config: AgentConfig;
  readonly credentials: TokenCredentials;
  /** null: this fleet has none. */
  readonly openBao: OpenBao | null;
  /** Aborted when the enrolment service names another way to NATS. */
  readonly moved: AbortSignal;
}

interface Around {
  readonly serviceManager: ServiceManager;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export async function enrolledDevice(config: EnrolmentConfig, around: Around): Promise<EnrolledDevice> {
  const { log, signal } = around;
  const store = new IdentityStore(config.stateDir);
  const identity = (await store.identity()) ?? (await waited(config, store, around));
  const begun = begin(config, { store, identity, ...around });
  if (identity.nats === undefined && config.natsUrls === undefined) {
    // OpenBao says where NATS is: what was begun without it is begun anew.
    await untilNatsIsKnown(begun.credentials, store, around);
    return enrolledDevice(config, around);
  }
  if (identity.issuer !== config.credentials.url)
    log.info("tokens are asked of another issuer than [enrolment] url names", { issuer: identity.issuer });
  if (config.device !== undefined && config.device !== identity.device) {
    log.warn(`this device is enrolled as "${identity.device}": [agent] device_id in the configuration is passed over`);
  }
  void begun.credentials.keepFresh(AbortSignal.any([signal, begun.moved]));
  return { config: withIdentity(config, identity, store), ...begun };
}

function begin(
  config: EnrolmentConfig,
  { store, identity, log, signal }: Around & { readonly store: IdentityStore; readonly identity: Identity },
): Omit<EnrolledDevice, "config"> {
  const { caFile, ca, zitadel } = config.credentials;
  const clock = new PeerClock();
  const moved = new AbortController();
  const openBaoAt = ({ url, ca: authority }: OpenBaoPlace): OpenBao =>
    new OpenBao({ at: { url, ca: authority, withinMs: OPENBAO_WITHIN_MS }, login: deviceLogin(() => credentials.token()), signal });
  const credentials: TokenCredentials = new TokenCredentials({
    store,
    // The assertion is for the issuer, which may have moved since the file was written.
    service: new EnrolmentService({ url: identity.issuer, caFile, ca }, signal, clock),
    identity,
    issuerOf: ({ issuer, project, ca: authority }) => {
      if (zitadel?.issuer !== undefined && zitadel.issuer !== issuer) {
        throw new Error(
          `the account of this device is at ${issuer}, and [zitadel] issuer is ${zitadel.issuer}; put that right, or remove it`,
        );
      }
      return new TokenIssuer({ url: issuer, caFile: zitadel?.caFile, ca: authority }, signal, { clock, project });
    },
    wayToNats: (place) => wayToNats(openBaoAt(place), identity.device),
    onMoved: () => moved.abort(new Error("another way to NATS")),
    log,
  });
  return { credentials, openBao: identity.openbao === undefined ? null : openBaoAt(identity.openbao), moved: moved.signal };
}

/** Pure. */
export function withIdentity(
  config: EnrolmentConfig,
  { device, nats }: Identity,
  { natsCaFile }: Pick<IdentityStore, "natsCaFile">,
): AgentConfig {
  return {
    ...config,
    device: asDeviceId(device),
    natsUrls: config.natsUrls ?? nats?.urls ?? [],
    natsConnectTimeoutMs: config.natsConnectTimeoutMs ?? LOGIN_WITHIN_MS,
    natsCaFile: config.natsCaFile ?? (nats?.ca === undefined ? undefined : natsCaFile),
  };
}

export interface AsTheAgent {
  readonly config: AgentConfig;
  readonly shown: UserAndPassword;
}

/**
 * The configuration and the credential of the agent, for a command beside it. @throws UserError
 * when this device has no identity yet.
 */
export async function asTheAgent(config: SharedConfig | EnrolmentConfig): Promise<AsTheAgent> {
  if (!isEnrolment(config)) return { config, shown: { user: config.credentials.natsUser, pass: config.credentials.natsPass } };
  const store = new IdentityStore(config.stateDir);
  const identity = await store.identity();
  if (identity === null) {
    throw new UserError(`this device is not enrolled at ${config.credentials.url} yet: systemctl status iot-agent says what it waits for`);
  }
  return { config: withIdentity(config, identity, store), shown: { user: identity.device, pass: (await store.token())?.access_token } };
}

async function waited(config: EnrolmentConfig, store: IdentityStore, around: Around): Promise<Identity> {
  const { url, caFile, ca, token } = config.credentials;
  const { serviceManager, log, signal } = around;
  const service = new EnrolmentService({ url, caFile, ca }, signal);
  const publish = (text: string): void => {
    serviceManager.status(text);
    void showOnConsole(config.runDir, text, log);
  };
  const identity = await aliveMeanwhile(around, () => untilEnrolled({ store, service, url, token, hardware, publish, log, signal }));
  await showOnConsole(config.runDir, `this device is "${identity.device}" now`, log);
  return identity;
}

/** Rejects with the signal's reason alone. */
function untilNatsIsKnown(credentials: TokenCredentials, store: IdentityStore, around: Around): Promise<void> {
  const { serviceManager, log, signal } = around;
  return aliveMeanwhile(around, async () => {
    for (let attempt = 1, said = ""; ; attempt += 1) {
      const why = await credentials.refresh();
      const identity = await store.identity();
      if (identity?.nats !== undefined) return;
      const sentence = `this device is enrolled, and does not know yet where NATS is: ${why ?? "nobody says it"}; it is asked again`;
      if (sentence !== said) {
        log.warn(sentence);
        serviceManager.status(sentence);
      }
      said = sentence;
      await systemClock.sleep(backoffMs(attempt, NATS_AGAIN), signal);
    }
  });
}

/** While it waits, systemd hears that the agent lives. */
async function aliveMeanwhile<Result>({ serviceManager, log, signal }: Around, work: () => Promise<Result>): Promise<Result> {
  const ended = new AbortController();
  const watchdog = keepWatchdogFed({
    watchdogMs: serviceManager.watchdogMs,
    handlings: () => [],
    feed: () => serviceManager.feedWatchdog(),
    log,
    signal: AbortSignal.any([signal, ended.signal]),
  });
  serviceManager.ready();
  try {
    return await work();
  } finally {
    ended.abort();
    await watchdog;
  }
}

/** iot-agent-console.path shows what is written here on the console of the device. */
async function showOnConsole(runDir: string, sentence: string, log: Log): Promise<void> {
  try {
    await writeFile(join(runDir, "console"), `iot-agent: ${sentence}\n`);
  } catch (error) {
    log.warn("the console does not show what this device waits for", { error: errorText(error) });
  }
}
