// Names that a service has only for those that link to it: on a device all services of a deployment
// find it by such a name.

import { listOf, mapOf, textOf, type ComposeMap, type TakeNote } from "./notes.ts";

/** By the name of a service, what others call it. */
export function linkAliases(compose: ComposeMap, note: TakeNote): ReadonlyMap<string, readonly string[]> {
  const services = mapOf(compose["services"]);
  const aliases = new Map<string, string[]>();
  for (const [name, service] of Object.entries(services)) {
    listOf(mapOf(service)["links"]).forEach((link, index) => {
      const at = `services.${name}.links[${index}]`;
      const [target = "", alias = target, ...more] = (textOf(link) ?? "").split(":");
      if (services[target] === undefined || more.length > 0 || target === "") {
        return note(at, "names no service of this file: it is not taken over; name the service by its name where it is used");
      }
      if (alias === target) return undefined;
      aliases.set(target, [...(aliases.get(target) ?? []), alias]);
      return note(at, `${alias} is a name of ${target} for all services here: see that no other is called so`);
    });
  }
  return aliases;
}
