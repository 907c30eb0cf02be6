// Starts the service: listens, connects to NATS as two users, and answers once the records are read.
// Everything that decides is elsewhere.

import type { Log } from "@harmony/runtime";
import { openBaoOfService } from "@iot/identity";
import { connectMessaging, fixedCredentials, type Messaging } from "@iot/messaging";
import { writeToAudit } from "./audit-deed.ts";
import { followCertificate, readCertificate } from "./certificate.ts";
import type { EnrolmentConfig } from "./config.ts";
import { ok, refuse } from "./http/answer.ts";
import { type Route, serveHttp } from "./http/http-server.ts";
import { followAuditLog } from "./openbao/follow-audit-log.ts";
import type { SecretRead } from "./openbao/read-secret.ts";
import { IssuerKeyFiles } from "./issuer/issuer-keys.ts";
import { routesForDevices } from "./routes-for-devices.ts";
import { routesForPeople } from "./routes-for-people.ts";
import { openService, type Service, type ServiceOptions } from "./service.ts";

export interface RunningEnrolment {
  readonly port: number;
  close(): Promise<void>;
}

export interface StartOptions extends Pick<ServiceOptions, "log" | "signal" | "enrolmentsAMinute" | "issuerKeysEveryMs"> {
  /** How often its files are looked at. */
  readonly certificateEveryMs?: number;
  /** How long a key of the issuer's is published before it signs. */
  readonly issuerKeyPublishMs?: number;
}

const OPENBAO_WITHIN_MS = 10_000;
const CERTIFICATE_EVERY_MS = 60_000;

/**
 * Resolves when it answers. @throws UserError for what a person has to repair, or the signal's
 * reason.
 */
export async function startEnrolment(
  config: EnrolmentConfig,
  { log, signal, certificateEveryMs = CERTIFICATE_EVERY_MS, issuerKeyPublishMs, ...bounds }: StartOptions,
): Promise<RunningEnrolment> {
  const { url, host, port, tokenLifeS, nats, kickPassword, deviceNats, replicas, zitadel } = config;
  const issuerKeys = await IssuerKeyFiles.open(config.issuerKeyFile, { tokenLifeS, publishMs: issuerKeyPublishMs });
  let routes: readonly Route[] | null = null;
  const http = await serveHttp({ host, port, tls: await readCertificate(config.tls), routes: () => routes, log });
  const endFollowing = followCertificate(config.tls, { http, log, everyMs: certificateEveryMs });
  let system: Messaging | null = null;
  const ended = new AbortController();
  const whileItRuns = AbortSignal.any([signal, ended.signal]);
  const connect = (user: string, pass: string | undefined): Promise<Messaging> =>
    connectMessaging({
      servers: nats.servers,
      credentials: fixedCredentials({ user, pass }),
      caFile: nats.caFile,
      name: "iot-enrolment",
      log: log.with({ user }),
      signal: whileItRuns,
    });
  if (kickPassword === undefined) log.warn("connections of a disabled device do not end at once: NATS_KICK_PASSWORD is not set");
  else {
    connect("kick", kickPassword).then(
      (connected) => (ended.signal.aborted ? connected.close() : void (system = connected)),
      () => undefined,
    );
  }
  let messaging: Messaging | null = null;
  let service: Service | null = null;
  const close = async (): Promise<void> => {
    ended.abort(new Error("closed"));
    endFollowing();
    await http.close();
    await service?.close();
    await Promise.all([messaging?.close(), system?.close()]);
  };
  try {
    messaging = await connect(nats.user, nats.pass);
    const openBao = config.openBao && {
      bao: openBaoOfService(config.openBao, { withinMs: OPENBAO_WITHIN_MS, signal: whileItRuns }),
      forDevices: config.openBao.forDevices,
    };
    const settings = { issuerKeys, url, nats: deviceNats, openBao, tokenLifeS, replicas, zitadel };
    const options = { messaging, system: () => system, ...settings, log, signal, ...bounds };
    const opened = await openService(options);
    service = opened;
    followSecrets(config.openBao, { opened, log, signal: whileItRuns });
    const ready: Route = { method: "GET", path: "/readyz", answer: () => readiness(opened) };
    routes = [...routesForDevices(opened), ...routesForPeople(opened), ready];
  } catch (error) {
    await close();
    throw error;
  }
  log.info("answers devices and people", { url });
  return { port: http.port, close };
}

/** Who reads which secret stands in the one audit, where OpenBao's own is on this machine. */
function followSecrets(
  openBao: EnrolmentConfig["openBao"],
  { opened, log, signal }: { readonly opened: Service; readonly log: Log; readonly signal: AbortSignal },
): void {
  if (openBao === null || openBao.auditLog === null) return;
  const onRead = ({ by, device, path, version }: SecretRead): Promise<void> =>
    writeToAudit(opened, { what: "read", by, device, message: `"${by}" has read the secret ${path}, version ${version}` });
  void followAuditLog({ ...openBao.auditLog, onRead, log, signal });
}

function readiness({ messaging, records }: Service): ReturnType<Route["answer"]> {
  const state = messaging.state();
  const why = state.kind === "connected" ? records.problem() : state.message;
  return why === null ? ok({}) : refuse({ status: 503, why });
}
