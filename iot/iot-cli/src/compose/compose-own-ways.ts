// What a Compose service sets for itself of names, memory and kernel: hostname, aliases, further
// hosts, name servers, sysctls, limits, /dev/shm, groups.

import { size } from "./compose-values.ts";
import { type ComposeMap, isMap, listOf, mapOf, take, takeEach, type TakeNote, textOf } from "./notes.ts";

export interface OwnWaysContext {
  readonly compose: ComposeMap;
  /** The path of the service, for notes. */
  readonly at: string;
  /** The service's name in the file. */
  readonly name: string;
  readonly isOnHost: boolean;
  /** It has devices or host paths, with which it has the groups of the device's user. */
  readonly usesHost: boolean;
  readonly note: TakeNote;
}

export function ownWaysOf(context: OwnWaysContext): ComposeMap {
  const { compose, at, note } = context;
  return {
    hostname: take(compose["hostname"], textOf, `${at}.hostname`, note),
    aliases: aliasesOf(context),
    extraHosts: pairsOf(compose, "extra_hosts", /[:=]/, context).map(([host, address]) => `${host}:${address}`),
    dns: takeEach(compose["dns"], textOf, `${at}.dns`, note),
    sysctls: Object.fromEntries(pairsOf(compose, "sysctls", /=/, context)),
    ulimits: ulimitsOf(context),
    shmSize: take(compose["shm_size"], size, `${at}.shm_size`, note),
    groupAdd: groupsOf(context),
  };
}

/** Compose has these as a map, or as a list of texts. */
function pairsOf(compose: ComposeMap, key: string, separator: RegExp, { at, note }: OwnWaysContext): (readonly [string, string])[] {
  const value = compose[key];
  if (isMap(value)) {
    return Object.entries(value).flatMap(([name, one]) =>
      takeEach(one, textOf, `${at}.${key}.${name}`, note).map((text) => [name, text] as const),
    );
  }
  return listOf(value).flatMap((one, index) => {
    const text = textOf(one) ?? "";
    const found = separator.exec(text);
    if (found !== null) return [[text.slice(0, found.index), text.slice(found.index + 1)] as const];
    note(`${at}.${key}[${index}]`, "is of a form that is not known: it is not taken over");
    return [];
  });
}

/** The names of its networks, its container's and its host name, by which Docker finds it, too. */
function aliasesOf({ compose, at, name, isOnHost, note }: OwnWaysContext): string[] {
  const container = take(compose["container_name"], textOf, `${at}.container_name`, note);
  const ofNetworks = Object.entries(mapOf(compose["networks"])).flatMap(([network, settings]) =>
    takeEach(mapOf(settings)["aliases"], textOf, `${at}.networks.${network}.aliases`, note),
  );
  const host = textOf(compose["hostname"]);
  const found = new Set([...(container === undefined ? [] : [container]), ...(host === null ? [] : [host]), ...ofNetworks]);
  // A name with a sign that a Score's name cannot have is kept as a further name.
  if (/[_.A-Z]/.test(name)) found.add(name);
  found.delete(name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"));
  if (!isOnHost) return [...found];
  if (ofNetworks.length > 0) note(`${at}.networks`, "its aliases are not taken over: on the host's network a service has no name");
  return [];
}

function ulimitsOf({ compose, at, note }: OwnWaysContext): ComposeMap {
  const number = (value: unknown): number | null => (/^-?\d+$/.test(textOf(value) ?? "") ? Number(textOf(value)) : null);
  const both = (value: unknown): unknown => {
    if (!isMap(value)) return number(value);
    const given = Object.entries(value).map(([key, bound]) => [key, number(bound)] as const);
    const [[, first] = ["", null]] = given;
    if (given.some(([key, bound]) => bound === null || !/^(soft|hard)$/.test(key))) return null;
    return first === null ? null : { soft: first, hard: first, ...Object.fromEntries(given) };
  };
  const limits = take(compose["ulimits"], (value) => (isMap(value) ? value : null), `${at}.ulimits`, note) ?? {};
  return Object.fromEntries(
    Object.entries(limits).flatMap(([name, value]) => {
      const found = take(value, both, `${at}.ulimits.${name}`, note);
      return found === undefined ? [] : [[name, found]];
    }),
  );
}

function groupsOf({ compose, at, usesHost, note }: OwnWaysContext): string[] {
  const groups = takeEach(compose["group_add"], textOf, `${at}.group_add`, note);
  if (!usesHost || groups.length === 0) return groups;
  note(
    `${at}.group_add`,
    `is not taken over: a service with devices or host paths has the groups of the device's user, which has to be in ${groups.join(", ")} (\`sudo usermod -aG ${groups.join(",")} iot-agent\`, then reboot)`,
  );
  return [];
}
