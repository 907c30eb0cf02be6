// Label selectors, as kubectl's `-l` takes them, and the labels of a device that one can match:
// those that people gave centrally, and the facts that a device says of itself, under a prefix that
// nobody else may use. Labels of the device's own configuration are matched by nobody: it could
// select itself into what is another's. Pure.

import type { DeviceInventory } from "@iot/contracts";

export const FACTS_PREFIX = "facts.iot.nationtech.io/";

export type Labels = Readonly<Record<string, string>>;

export type Selector = readonly Requirement[];

type Requirement =
  | { readonly kind: "exists" | "missing"; readonly key: string }
  | { readonly kind: "in" | "not-in"; readonly key: string; readonly values: readonly string[] };

export type SelectorRead = { readonly ok: true; readonly selector: Selector } | { readonly ok: false; readonly part: string };

const KEY = String.raw`[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?`;
const VALUE = String.raw`[A-Za-z0-9_.-]*`;
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EQUALITY = new RegExp(`^(${KEY})\\s*(==?|!=)\\s*(${VALUE})$`);
const EXISTENCE = new RegExp(`^(!?)\\s*(${KEY})$`);

/** `site=plant-7,ring!=lab,model in (a,b),!retired`. `part`: what of it cannot be read. */
export function readSelector(text: string): SelectorRead {
  const requirements: Requirement[] = [];
  // A comma between brackets belongs to a set.
  for (const part of text.split(/,(?![^(]*\))/).map((each) => each.trim())) {
    const requirement = requirementOf(part);
    if (requirement === null) return { ok: false, part };
    requirements.push(requirement);
  }
  return { ok: true, selector: requirements };
}

function requirementOf(part: string): Requirement | null {
  const [, setKey, operator, list = ""] = SET.exec(part) ?? [];
  if (setKey !== undefined) {
    const values = list.split(",").map((value) => value.trim());
    return { kind: operator === "in" ? "in" : "not-in", key: setKey, values };
  }
  const [, key, sign, value = ""] = EQUALITY.exec(part) ?? [];
  if (key !== undefined) return { kind: sign === "!=" ? "not-in" : "in", key, values: [value] };
  const [, not, name] = EXISTENCE.exec(part) ?? [];
  return name === undefined ? null : { kind: not === "!" ? "missing" : "exists", key: name };
}

/** As Kubernetes': `!=` and `notin` hold for what does not have the label, too. */
export function matches(selector: Selector, labels: Labels): boolean {
  return selector.every((requirement) => {
    const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
    switch (requirement.kind) {
      case "exists":
        return value !== undefined;
      case "missing":
        return value === undefined;
      case "in":
        return value !== undefined && requirement.values.includes(value);
      case "not-in":
        return value === undefined || !requirement.values.includes(value);
    }
  });
}

/** `inventory` null: the device has sent none that can be read. */
export function labelsOfDevice(central: Labels, inventory: Pick<DeviceInventory, "architecture" | "facts"> | null): Labels {
  const given = Object.entries(central).filter(([key]) => !key.startsWith(FACTS_PREFIX));
  const { model, os } = inventory?.facts ?? {};
  const facts = Object.entries({ architecture: inventory?.architecture, model, os }).flatMap(([name, said]) => {
    const value = said === undefined ? "" : labelValue(said);
    return value === "" ? [] : [[FACTS_PREFIX + name, value] as const];
  });
  return Object.fromEntries([...given, ...facts]);
}

/** `Raspberry Pi 5 Model B Rev 1.0` becomes `Raspberry-Pi-5-Model-B-Rev-1.0`. */
function labelValue(text: string): string {
  const [value = ""] = /[A-Za-z0-9](?:.{0,61}[A-Za-z0-9])?/.exec(text.replaceAll(/[^A-Za-z0-9_.-]+/g, "-")) ?? [];
  return value;
}
