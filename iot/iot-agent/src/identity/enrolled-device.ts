// A device with an identity: waited for when it has none yet, then the configuration that it gives,
// and the tokens that are shown to NATS. While it waits, systemd hears why and that the agent
// lives.

import { type Log, UserError } from "@harmony/runtime";
import { asDeviceId } from "@iot/contracts";
import type { CredentialSource, UserAndPassword } from "@iot/messaging/device";
import { type AgentConfig, type EnrolmentConfig, isEnrolment, type SharedConfig } from "../config/config.ts";
import { hardware } from "../device/topology.ts";
import type { ServiceManager } from "../systemd/service-manager.ts";
import { keepWatchdogFed } from "../systemd/watchdog.ts";
import { untilEnrolled } from "./enrol.ts";
import { EnrolmentService } from "./enrolment-service.ts";
import { type Identity, IdentityStore } from "./identity-store.ts";
import { TokenCredentials } from "./token-credentials.ts";

/** A callout answers each login, and a whole fleet may log in at once. */
const LOGIN_WITHIN_MS = 20_000;

export interface EnrolledDevice {
  readonly config: AgentConfig;
  readonly credentials: CredentialSource;
  /** Aborted when the enrolment service names another way to NATS. */
  readonly moved: AbortSignal;
}

interface Around {
  readonly serviceManager: ServiceManager;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export async function enrolledDevice(config: EnrolmentConfig, { serviceManager, log, signal }: Around): Promise<EnrolledDevice> {
  const store = new IdentityStore(config.stateDir);
  const identity = (await store.identity()) ?? (await waited(config, store, { serviceManager, log, signal }));
  const { url, caFile, ca } = config.credentials;
  const moved = new AbortController();
  const credentials = new TokenCredentials({
    store,
    // The assertion is for the issuer, which may have moved since the file was written.
    service: new EnrolmentService({ url: identity.issuer, caFile, ca }, signal),
    identity,
    onMoved: () => moved.abort(new Error("another way to NATS")),
    log,
  });
  if (identity.issuer !== url) log.info("tokens are asked of another issuer than [enrolment] url names", { issuer: identity.issuer });
  if (config.device !== undefined && config.device !== identity.device) {
    log.warn(`this device is enrolled as "${identity.device}": [agent] device_id in the configuration is passed over`);
  }
  void credentials.keepFresh(AbortSignal.any([signal, moved.signal]));
  return { config: withIdentity(config, identity, store), credentials, moved: moved.signal };
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
    natsUrls: config.natsUrls ?? nats.urls,
    natsConnectTimeoutMs: config.natsConnectTimeoutMs ?? LOGIN_WITHIN_MS,
    natsCaFile: config.natsCaFile ?? (nats.ca === undefined ? undefined : natsCaFile),
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

async function waited(config: EnrolmentConfig, store: IdentityStore, { serviceManager, log, signal }: Around): Promise<Identity> {
  const { url, caFile, ca, token } = config.credentials;
  const ended = new AbortController();
  const watchdog = keepWatchdogFed({
    watchdogMs: serviceManager.watchdogMs,
    handlings: () => [],
    feed: () => serviceManager.feedWatchdog(),
    log,
    signal: AbortSignal.any([signal, ended.signal]),
  });
  serviceManager.ready();
  const service = new EnrolmentService({ url, caFile, ca }, signal);
  try {
    return await untilEnrolled({ store, service, url, token, hardware, publish: (text) => serviceManager.status(text), log, signal });
  } finally {
    ended.abort();
    await watchdog;
  }
}
