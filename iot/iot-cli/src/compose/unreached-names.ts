// After a conversion, without any device: which names in variables, commands, checks and files
// reach no service, though something in the Compose file was called so, or they stand where a host
// does. Pure.

import { lookUp } from "@harmony/schema";
import { type ComposeMap, isMap, listOf, mapOf, type Note, textOf } from "./notes.ts";

interface Known {
  /** Names by which a service is found, and the service. */
  readonly reached: ReadonlyMap<string, ComposeMap>;
  /** Names that something had in the Compose file. */
  readonly called: ReadonlyMap<string, string>;
}

export function unreachedNames(compose: ComposeMap, data: ComposeMap): Note[] {
  const services = listOf(data["services"]).map(mapOf);
  const known: Known = { reached: reachedIn(services), called: calledIn(compose) };
  return services.flatMap((service) => {
    const found = textsOf(service).flatMap(({ path, text, isWhole }) =>
      problemsIn(text, { isWhole, known, service }).map((message) => ({
        path: `services.${textOf(service["name"]) ?? ""}.${path}`,
        message,
      })),
    );
    const said = new Set<string>();
    return found.filter(({ path, message }) => !said.has(`${path} ${message}`) && said.add(`${path} ${message}`));
  });
}

function reachedIn(services: readonly ComposeMap[]): Map<string, ComposeMap> {
  return new Map(
    services.flatMap((service) =>
      [service["name"], ...listOf(service["aliases"])].map((name): [string, ComposeMap] => [textOf(name) ?? "", service]),
    ),
  );
}

/** What others may call a service in Compose, and its name here. */
function calledIn(compose: ComposeMap): Map<string, string> {
  return new Map(
    Object.entries(mapOf(compose["services"])).flatMap(([name, value]) => {
      const service = mapOf(value);
      const ofNetworks = Object.values(mapOf(service["networks"])).flatMap((network) => listOf(mapOf(network)["aliases"]));
      const names = [name, service["container_name"], service["hostname"], ...ofNetworks].map(textOf);
      return names.flatMap((each): [string, string][] => (each === null ? [] : [[each, name]]));
    }),
  );
}

interface Text {
  /** In the service. */
  readonly path: string;
  readonly text: string;
  /** A value that may be a host and nothing else. */
  readonly isWhole: boolean;
}

function textsOf(service: ComposeMap): Text[] {
  const env = Object.entries(mapOf(service["env"])).flatMap(([name, value]): Text[] => {
    const text = textOf(value);
    return text === null ? [] : [{ path: `environment.${name}`, text, isWhole: NAMES_A_HOST.test(name) }];
  });
  const check: unknown = service["healthcheck"];
  const commands = [
    ["entrypoint", service["entrypoint"]],
    ["command", service["command"]],
    ["healthcheck.test", isMap(check) ? check["test"] : undefined],
  ] as const;
  const words = commands.flatMap(([path, value]) =>
    listOf(value).flatMap((one): Text[] => {
      const text = textOf(one);
      return text === null ? [] : [{ path, text, isWhole: false }];
    }),
  );
  const files = listOf(service["files"]).flatMap((file): Text[] => {
    const [path, text] = [textOf(mapOf(file)["path"]), textOf(mapOf(file)["content"])];
    return text === null ? [] : [{ path: `files ${path ?? ""}`, text, isWhole: false }];
  });
  return [...env, ...words, ...files];
}

const NAMES_A_HOST = /(?:^|_)(?:HOST|HOSTS|HOSTNAME|SERVER|SERVERS|BROKER|BROKERS|ADDR|ADDRESS|ENDPOINT|URL|URI)$/i;
/** No names of hosts: what is local, a switch, a variable that is not known yet. */
const LOCAL =
  /^(?:localhost|localhost\..*|ip6-.*|device|host|true|false|yes|no|on|off|none|null|auto|enabled|disabled|[A-Z][A-Z0-9]*_[A-Z0-9_]*)$/;
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?";
/** After `scheme://` and a user, or before a port; names with dots are of the world outside. */
const HOSTS = [
  new RegExp(`\\b[a-z][a-z0-9+.-]*://(?:[^\\s/@'"]*@)?(${LABEL})(?=[:/?#,\\s'"]|$)`, "g"),
  new RegExp(`(?<=^|[\\s,=@'"])(${LABEL}):\\d{2,5}(?=[/,\\s'"]|$)`, "g"),
];
/** What containers call the host that they are on. */
const DOCKERS = /\b(?:host|gateway)\.docker\.internal\b/;

interface Looking {
  readonly isWhole: boolean;
  readonly known: Known;
  readonly service: ComposeMap;
}

function problemsIn(text: string, looking: Looking): string[] {
  const { known, isWhole } = looking;
  const words = new Set(text.match(/[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9_])?/g));
  const old = [...known.called.keys()].filter((name) => !known.reached.has(name) && isHostLike(name, text, isWhole) && words.has(name));
  const hosts = new Set([
    ...HOSTS.flatMap((pattern) => [...text.matchAll(pattern)].flatMap(([, host]) => host ?? [])),
    ...(isWhole && new RegExp(`^${LABEL}$`).test(text) ? [text] : []),
  ]);
  const docker = DOCKERS.exec(text)?.[0];
  return [
    ...old.map((name) => `names ${name}, by which no service is found here: write ${nameHere(known.called.get(name) ?? name, known)}`),
    ...[...hosts].filter((host) => !old.includes(host)).flatMap((host) => problemOfHost(host, looking) ?? []),
    ...(docker === undefined || hasExtraHost(looking.service, docker)
      ? []
      : [`names ${docker}, which only Docker knows: write host.containers.internal, which is the device`]),
  ];
}

/** A name that is a word of everyday counts where a host stands. */
function isHostLike(name: string, text: string, isWhole: boolean): boolean {
  if (/[_.-]|\d/.test(name) || (isWhole && text === name)) return true;
  return HOSTS.some((pattern) => [...text.matchAll(pattern)].some(([, host]) => host === name));
}

function problemOfHost(host: string, { known, service }: Looking): string | null {
  const target = known.reached.get(host);
  if (LOCAL.test(host) || /^\d+$/.test(host) || hasExtraHost(service, host)) return null;
  if (target === undefined) {
    return `names ${host}, and no service of this file is called so: write a service's name, or an address that the device reaches`;
  }
  if (service["network"] === "host") {
    return `names ${host}, which a service on the device's network does not find: publish a port of ${host}, and write 127.0.0.1 and that port`;
  }
  if (target !== service && target["network"] === "host") {
    return `names ${host}, which is on the device's network, where it has no name: write host.containers.internal`;
  }
  return null;
}

function nameHere(service: string, { reached }: Known): string {
  const plain = service.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return textOf((lookUp(Object.fromEntries(reached), plain) ?? {})["name"]) ?? plain;
}

function hasExtraHost(service: ComposeMap, host: string): boolean {
  return listOf(service["extraHosts"]).some((line) => textOf(line)?.startsWith(`${host}:`));
}
