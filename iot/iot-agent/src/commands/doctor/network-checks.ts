// From this device to the central part: names, proxies, the way to NATS, its credentials, and the
// registries of the images.

import { lookup } from "node:dns/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, isIP } from "node:net";
import { clausesOf } from "@harmony/core";
import { createLog, errorText } from "@harmony/runtime";
import { connectMessaging, explainConnectError, fixedCredentials } from "@iot/messaging/device";
import * as toml from "smol-toml";
import * as z from "zod/mini";
import type { AsTheAgent } from "../../identity/enrolled-device.ts";
import { connectionSettings } from "../../config/connection-settings.ts";
import { withoutUserInfo } from "../machine/redact.ts";
import { bad, type Finding, good, warning } from "./finding.ts";
import { isExempt } from "./no-proxy.ts";

const CONNECT_WITHIN_MS = 5_000;
const NATS_PORT = 4_222;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Reads `nats://central:4222`, `central`, `[::1]:4222`. */
export function endpointOf(url: string): Endpoint {
  const bare = url.replace(/^[a-z]+:\/\//i, "").replace(/^[^@]*@/, "");
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d+))?$/.exec(bare);
  return { host: match?.[1] ?? match?.[2] ?? bare, port: Number(match?.[3] ?? NATS_PORT) };
}

export async function checkName({ host }: Endpoint): Promise<Finding> {
  const check = "name of NATS";
  if (isIP(host) !== 0) return good(check, `${host} is an address, no name has to be resolved`);
  try {
    const addresses = await lookup(host, { all: true });
    return good(check, `${host} is ${addresses.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    const isUnknown = error instanceof Error && "code" in error && error.code === "ENOTFOUND";
    if (!isUnknown) return explained(check, error, host);
    return bad(check, `the name servers know no host "${host}"`, `put [nats] urls right, or this machine's DNS: resolvectl query ${host}`);
  }
}

export async function checkRoute({ host, port }: Endpoint): Promise<Finding> {
  const check = "route to NATS";
  const { promise, resolve } = Promise.withResolvers<Finding>();
  const socket = connect({ host, port, timeout: CONNECT_WITHIN_MS });
  const fail = (says: string, mend: string): void => {
    socket.destroy();
    resolve(bad(check, `${host}:${port}: ${says}`, mend));
  };
  socket.once("connect", () => {
    socket.destroy();
    resolve(good(check, `${host}:${port} can be reached`));
  });
  socket.once("timeout", () => fail("no answer", "ip route; then the firewalls between here and there"));
  socket.once("error", (error) => {
    if ("code" in error && error.code === "ECONNREFUSED")
      fail("refused, nothing listens there", "start nats-server, or put the port in [nats] urls right");
    else {
      socket.destroy();
      resolve(explained(check, error, `${host}:${port}`));
    }
  });
  return promise;
}

/** In the words of the connection itself, which looks at this machine's own network too. */
function explained(check: string, error: unknown, server: string): Finding {
  const { what, todo } = clausesOf(explainConnectError(error, { servers: [server] }).message);
  return bad(check, what, todo ?? "ip address; ip route");
}

/** Makes a connection of its own, beside the agent's. */
export async function checkCredentials({ config, shown }: AsTheAgent, configFile: string): Promise<Finding> {
  const check = "NATS credentials";
  const failed = new AbortController();
  const timer = setTimeout(() => failed.abort(new Error("no answer in time")), 2 * CONNECT_WITHIN_MS);
  try {
    const messaging = await connectMessaging({
      servers: config.natsUrls,
      credentials: fixedCredentials(shown),
      caFile: config.natsCaFile,
      settings: connectionSettings(configFile),
      name: `iot-agent doctor ${config.device}`,
      log: createLog({ name: "doctor", write: () => undefined }),
      signal: failed.signal,
      timeoutMs: CONNECT_WITHIN_MS,
      onState: (state) => {
        if (state.kind === "disconnected") failed.abort(new Error(state.message));
      },
    });
    await messaging.close();
    return good(check, `the user "${shown.user}" is accepted`);
  } catch (error) {
    const { what, todo } = clausesOf(errorText(error));
    const where =
      config.credentials.type === "enrolment"
        ? "journalctl -u iot-agent -n 20"
        : `[credentials] of ${configFile} has the user and the password`;
    return bad(check, what, todo ?? where);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * `environments`: texts of `NAME=value` lines, from this process and from /etc/environment. Pure.
 */
export function checkProxy(environments: readonly string[]): Finding {
  const found = environments
    .flatMap((text) => text.split("\n"))
    .flatMap((line) => /^\s*(?:export\s+)?((?:https?|all)_proxy)=["']?([^"'\s]+)/i.exec(line) ?? [])
    .filter((_, index) => index % 3 !== 0);
  const [name, value] = found;
  if (name === undefined || value === undefined) return good("proxy", "none is set");
  return warning(
    "proxy",
    `${name}=${withoutUserInfo(value)}: images are pulled through it, NATS is reached without it`,
    "where a registry is inside the plant, name it in NO_PROXY",
  );
}

/** Go looks for this one of the two spellings first. */
const NO_PROXY = [/^\s*(?:export\s+)?NO_PROXY=["']?([^"'#\n]+)/m, /^\s*(?:export\s+)?no_proxy=["']?([^"'#\n]+)/m];

/** Whether Podman asks a registry through the proxy, which this program does not. Pure. */
export function isProxied(registry: string, environments: readonly string[]): boolean {
  if (checkProxy(environments).verdict === "good") return false;
  const [noProxy = ""] = environments.flatMap((text) => NO_PROXY.flatMap((spelling) => spelling.exec(text)?.[1] ?? []));
  return !isExempt(hostOf(registry), noProxy);
}

/**
 * The registries that the images come from; what was built or loaded on the device has none. Pure.
 */
export function registriesOf(images: readonly string[]): readonly string[] {
  const hosts = images.map((image) => {
    const [first = "", ...rest] = image.split("/");
    if (rest.length === 0 || !/[.:]|^localhost$/.test(first)) return "docker.io";
    return first;
  });
  return [...new Set(hosts)].filter((host) => host !== "localhost").toSorted();
}

const RegistriesFile = z.looseObject({
  registry: z.optional(
    z.array(z.looseObject({ location: z.optional(z.string()), prefix: z.optional(z.string()), insecure: z.optional(z.boolean()) })),
  ),
});

/** `files`: texts of registries.conf. Pure. */
export function isInsecure(registry: string, files: readonly string[]): boolean {
  return files.some((text) => {
    let value: unknown;
    try {
      value = toml.parse(text);
    } catch {
      return false;
    }
    const parsed = RegistriesFile.safeParse(value);
    const entries = parsed.success ? (parsed.data.registry ?? []) : [];
    return entries.some(({ location, prefix, insecure }) => insecure === true && (location ?? prefix)?.split("/")[0] === registry);
  });
}

export async function checkRegistry(registry: string, insecure: boolean): Promise<Finding> {
  const check = `registry ${registry}`;
  const schemes = insecure ? (["https", "http"] as const) : (["https"] as const);
  let why = "";
  for (const scheme of schemes) {
    const answer = await ask(`${scheme}://${hostOf(registry)}/v2/`);
    const refusal = whyNotReached(answer);
    if (refusal === null) return good(check, "can be reached");
    why = refusal;
  }
  return warning(
    check,
    `${why}; what is on the device runs, a new image cannot be pulled`,
    "check the network and the registry; an image can be loaded from a file: iot-agent load FILE",
  );
}

function hostOf(registry: string): string {
  return registry === "docker.io" ? "registry-1.docker.io" : registry;
}

export function notAsked(registry: string): Finding {
  return warning(`registry ${registry}`, "not asked, since images are pulled through the proxy", "iot-agent podman pull IMAGE shows it");
}

/**
 * `answer`: the status, or the error. Whom Podman trusts (/etc/containers/certs.d, the system's)
 * this program does not know. Pure.
 */
export function whyNotReached(answer: number | Error): string | null {
  if (typeof answer === "number") return answer === 200 || answer === 401 ? null : `it answers ${answer}`;
  const code = "code" in answer ? String(answer.code) : "";
  return /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code) ? null : errorText(answer);
}

function ask(url: string): Promise<number | Error> {
  const { promise, resolve } = Promise.withResolvers<number | Error>();
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  const request = send(url, { timeout: CONNECT_WITHIN_MS, agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  });
  request.once("timeout", () => request.destroy(new Error("no answer in time")));
  request.once("error", resolve);
  request.end();
  return promise;
}
