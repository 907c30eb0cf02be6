// Starts the service: listens, connects to NATS as two users, and answers once the records are read.
// Everything that decides is elsewhere.

import { readFile } from "node:fs/promises";
import { EX_CONFIG, type Log, UserError } from "@harmony/runtime";
import { connectMessaging, fixedCredentials, type Messaging } from "@iot/messaging";
import type { EnrolmentConfig } from "./config.ts";
import { ok, refuse } from "./http/answer.ts";
import { type HttpOptions, type Route, serveHttp } from "./http/http-server.ts";
import { readIssuerKey } from "./issuer/issuer.ts";
import { routesForDevices } from "./routes-for-devices.ts";
import { routesForPeople } from "./routes-for-people.ts";
import { openService, type Service, type ServiceOptions } from "./service.ts";

export interface RunningEnrolment {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Resolves when it answers. @throws UserError for what a person has to repair, or the signal's
 * reason.
 */
export async function startEnrolment(
  config: EnrolmentConfig,
  { log, signal, ...bounds }: { readonly log: Log; readonly signal: AbortSignal } & Pick<ServiceOptions, "enrolmentsAMinute">,
): Promise<RunningEnrolment> {
  const { url, host, port, tokenLifeS, nats, kickPassword, deviceNats, replicas } = config;
  const key = await readIssuerKey(config.issuerKeyFile);
  let routes: readonly Route[] | null = null;
  const http = await serveHttp({ host, port, tls: await tlsOf(config), routes: () => routes, log });
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
  const messaging = await connect(nats.user, nats.pass);
  const service = await openService({
    messaging,
    system: () => system,
    key,
    url,
    nats: deviceNats,
    tokenLifeS,
    replicas,
    log,
    signal,
    ...bounds,
  });
  routes = [
    ...routesForDevices(service),
    ...routesForPeople(service),
    { method: "GET", path: "/readyz", answer: () => readiness(service) },
  ];
  log.info("answers devices and people", { url });
  return {
    port: http.port,
    close: async () => {
      ended.abort(new Error("closed"));
      await http.close();
      await service.close();
      await Promise.all([messaging.close(), system?.close()]);
    },
  };
}

function readiness({ messaging, records }: Service): ReturnType<Route["answer"]> {
  const state = messaging.state();
  const why = state.kind === "connected" ? records.problem() : state.message;
  return why === null ? ok({}) : refuse({ status: 503, why });
}

async function tlsOf({ tls }: EnrolmentConfig): Promise<HttpOptions["tls"]> {
  if (tls === null) return null;
  const read = (path: string): Promise<Buffer> =>
    readFile(path).catch((cause: unknown) => {
      throw new UserError(`${path}: the service's certificate or key cannot be read`, EX_CONFIG, { cause });
    });
  return { cert: await read(tls.certFile), key: await read(tls.keyFile) };
}
