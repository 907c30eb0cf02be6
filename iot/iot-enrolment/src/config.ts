// The environment, read once. A wrong value is named, with what was expected; a secret that stands in
// a file never stands in a sentence.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EX_CONFIG, UserError } from "@harmony/runtime";
import { DeviceDocument, NatsServers, OpenBaoPlace, type OpenBaoSettings, readOpenBaoSettings } from "@iot/identity";
import type { ZitadelConfig } from "./zitadel/administrator.ts";

export interface EnrolmentConfig {
  /** Where devices and people reach the service; the issuer of its tokens. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Paths of PEM; null: without TLS, on this machine alone. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly issuerKeyFile: string;
  readonly tokenLifeS: number;
  readonly nats: NatsConfig;
  readonly kickPassword: string | undefined;
  readonly deviceNats: NatsServers;
  /** null: grants and the way to NATS are the service's own alone. */
  readonly openBao: OpenBaoConfig | null;
  /** null: tokens are this service's own. */
  readonly zitadel: ZitadelConfig | null;
  readonly replicas: number;
}

export interface OpenBaoConfig extends OpenBaoSettings {
  readonly forDevices: OpenBaoPlace;
  /** OpenBao's audit log, where it is on this machine, and how far it was read. */
  readonly auditLog: { readonly file: string; readonly placeFile: string } | null;
}

export interface NatsConfig {
  readonly servers: readonly string[];
  readonly user: string;
  readonly pass: string | undefined;
  readonly caFile: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = ["127.0.0.1", "::1"];

/** @throws UserError naming the variable. */
export function readConfig(env: Environment): EnrolmentConfig {
  const url = (text(env, "IOT_ENROLMENT_URL") ?? "").replace(/\/$/, "");
  if (!DeviceDocument.shape.issuer.safeParse(url).success) {
    throw wrong("IOT_ENROLMENT_URL", url, "where devices reach this service, e.g. https://enrol.example:8443");
  }
  const [, host = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(text(env, "IOT_ENROLMENT_LISTEN") ?? "0.0.0.0:8443") ?? [];
  if (host === "" || Number(port) > 65_535)
    throw wrong("IOT_ENROLMENT_LISTEN", env["IOT_ENROLMENT_LISTEN"] ?? "", "an address and port, e.g. 0.0.0.0:8443");
  const tls = tlsFiles(env);
  if (tls === null && (!LOOPBACK.includes(host) || !url.startsWith("http://"))) {
    throw new UserError(
      "IOT_ENROLMENT_CERT and IOT_ENROLMENT_CERT_KEY name no certificate: without one the service listens on 127.0.0.1 alone, under http://127.0.0.1:PORT",
      EX_CONFIG,
    );
  }
  const nats = readNatsConfig(env);
  return {
    url,
    host,
    port: Number(port),
    tls,
    issuerKeyFile: join(stateFolder(env), "issuer-key.pem"),
    tokenLifeS: whole(env, "IOT_ENROLMENT_TOKEN_MINUTES", { fallback: 720, min: 2, max: 10_080 }) * 60,
    nats,
    kickPassword: readKickPassword(env),
    deviceNats: deviceNats(env, nats.servers),
    openBao: openBao(env),
    zitadel: readZitadelConfig(env),
    replicas: whole(env, "IOT_BUCKET_REPLICAS", { fallback: 1, min: 1, max: 5 }),
  };
}

export function readNatsConfig(env: Environment): NatsConfig {
  return {
    servers: list(text(env, "NATS_URL") ?? "nats://127.0.0.1:4222"),
    user: text(env, "NATS_USER") ?? "enrolment",
    pass: secret(env, "NATS_PASSWORD"),
    caFile: text(env, "NATS_CA"),
  };
}

const ZITADEL = ["IOT_ZITADEL_URL", "IOT_ZITADEL_PROJECT", "IOT_ZITADEL_ORGANISATION", "IOT_ZITADEL_TOKEN_FILE"] as const;

/** @throws UserError when one of the four variables is missing beside the others. */
export function readZitadelConfig(env: Environment): ZitadelConfig | null {
  const missing = ZITADEL.filter((name) => text(env, name) === undefined);
  if (missing.length === ZITADEL.length) return null;
  if (missing.length > 0) throw new UserError(`${missing.join(", ")}: not set: set all of ${ZITADEL.join(", ")}, or none`, EX_CONFIG);
  const [url = "", project = "", organisation = "", tokenFile = ""] = ZITADEL.map((name) => text(env, name));
  const address = url.replace(/\/$/, "");
  if (!DeviceDocument.shape.issuer.safeParse(address).success) {
    throw wrong("IOT_ZITADEL_URL", url, "the address of Zitadel, e.g. https://zitadel.example");
  }
  for (const [name, id] of Object.entries({ IOT_ZITADEL_PROJECT: project, IOT_ZITADEL_ORGANISATION: organisation })) {
    if (!/^\d{1,30}$/.test(id)) throw wrong(name, id, "an id as Zitadel shows it, of digits");
  }
  const caFile = text(env, "IOT_ZITADEL_CA");
  const ca = caFile === undefined ? undefined : contentOf("IOT_ZITADEL_CA", caFile);
  return { url: address, project, organisation, tokenFile, ca };
}

export function readKickPassword(env: Environment): string | undefined {
  return secret(env, "NATS_KICK_PASSWORD");
}

function deviceNats(env: Environment, ownServers: readonly string[]): NatsServers {
  const urls = text(env, "IOT_DEVICE_NATS_URL");
  const nats = { urls: urls === undefined ? ownServers : list(urls), ...authority(env, "IOT_DEVICE_NATS_CA") };
  const parsed = NatsServers.safeParse(nats);
  if (parsed.success) return parsed.data;
  throw wrong(
    "IOT_DEVICE_NATS_URL",
    nats.urls.join(","),
    "what devices dial, e.g. tls://nats.example:4222, and in IOT_DEVICE_NATS_CA at most 16 KiB",
  );
}

function openBao(env: Environment): EnrolmentConfig["openBao"] {
  const settings = readOpenBaoSettings(env);
  if (settings === null) return null;
  const file = text(env, "IOT_OPENBAO_AUDIT_LOG");
  const auditLog = file === undefined ? null : { file, placeFile: join(stateFolder(env), "openbao-audit-log.json") };
  const place = { url: text(env, "IOT_DEVICE_OPENBAO_URL") ?? settings.url, ...authority(env, "IOT_DEVICE_OPENBAO_CA") };
  const parsed = OpenBaoPlace.safeParse(place);
  if (parsed.success) return { ...settings, forDevices: parsed.data, auditLog };
  throw wrong(
    "IOT_DEVICE_OPENBAO_URL",
    place.url,
    "where devices reach OpenBao, e.g. https://bao.example:8200, and in IOT_DEVICE_OPENBAO_CA at most 16 KiB",
  );
}

function stateFolder(env: Environment): string {
  return text(env, "IOT_ENROLMENT_STATE") ?? "/var/lib/iot-enrolment";
}

function authority(env: Environment, name: string): { readonly ca?: string } {
  const file = text(env, name);
  return file === undefined ? {} : { ca: contentOf(name, file) };
}

function tlsFiles(env: Environment): EnrolmentConfig["tls"] {
  const [certFile, keyFile] = [text(env, "IOT_ENROLMENT_CERT"), text(env, "IOT_ENROLMENT_CERT_KEY")];
  if (certFile === undefined && keyFile === undefined) return null;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  throw new UserError("IOT_ENROLMENT_CERT and IOT_ENROLMENT_CERT_KEY belong together: set both", EX_CONFIG);
}

function list(value: string): string[] {
  return value.split(",").map((each) => each.trim());
}

function text(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}

function secret(env: Environment, name: string): string | undefined {
  const [value, file] = [text(env, name), text(env, `${name}_FILE`)];
  if (value !== undefined && file !== undefined) throw new UserError(`${name} and ${name}_FILE are both set: set one`, EX_CONFIG);
  return file === undefined ? value : contentOf(`${name}_FILE`, file).replace(/\r?\n$/, "");
}

function contentOf(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new UserError(`${name}: ${path} cannot be read`, EX_CONFIG, { cause });
  }
}

function whole(env: Environment, name: string, { fallback, min, max }: { fallback: number; min: number; max: number }): number {
  const value = text(env, name);
  if (value === undefined) return fallback;
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw wrong(name, value, `a whole number from ${min} to ${max}`);
}

function wrong(name: string, found: string, expected: string): UserError {
  return new UserError(`${name}: expected ${expected}, found ${JSON.stringify(found)}`, EX_CONFIG);
}
