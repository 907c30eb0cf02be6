// What the device adds to a service: its files and secrets as files to mount, secrets and facts of
// the device for its environment. Pure. Files lie in a folder whose name tells its content apart,
// and Podman's secrets are named likewise, so that neither ever changes: a changed secret is
// another name, hence another container, and the one before it still has its own to go back to.
// What a container was made with stands in a label of it, by these names.

import { createHash } from "node:crypto";
import { canonicalJson, lookUp } from "@harmony/schema";
import { secretPath } from "../score/contradictions.ts";
import type { HostFacts } from "./host-facts.ts";
import type { Service } from "../score/service.ts";

export interface InputContext {
  readonly deployment: string;
  readonly device: { readonly id: string; readonly labels: Readonly<Record<string, string>> };
  readonly host: HostFacts;
  /** What cgroups can enforce here. */
  readonly controllers: readonly string[];
}

export type InputSource =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "secret"; readonly name: string; readonly digest: string };

export interface InputFile {
  /** In its folder. */
  readonly name: string;
  /** In the container. */
  readonly path: string;
  readonly mode: number;
  readonly source: InputSource;
}

/** A secret of Podman's, for the environment: so its value is in no answer of `podman inspect`. */
export interface InputSecret {
  readonly podmanName: string;
  readonly name: string;
  readonly digest: string;
}

export interface Inputs {
  readonly env: Readonly<Record<string, string>>;
  /** By the variable's name. */
  readonly secretEnv: Readonly<Record<string, InputSecret>>;
  /** null: the service has no files. */
  readonly mounts: { readonly folder: string; readonly files: readonly InputFile[] } | null;
  /** What the device does not have. With any, the rest is good for comparison alone. */
  readonly missing: readonly ({ readonly kind: "secret"; readonly name: string } | { readonly kind: "label"; readonly name: string })[];
  /** What of the device a container of these is made with; empty: nothing. */
  readonly label: string;
}

const SECRET_MODE = 0o444;
/** In place of what is missing: equal to nothing that was ever there. */
const UNKNOWN = "unknown";

export function inputsOf(service: Service, context: InputContext): Inputs {
  const { deployment, device, host, controllers } = context;
  const digestOf = (name: string): string => {
    const fact = lookUp(host.secrets, name);
    return fact?.kind === "present" ? fact.digest : UNKNOWN;
  };
  const env: Record<string, string> = {};
  const fromDevice: Record<string, string> = {};
  const secretEnv: Record<string, InputSecret> = {};
  const missing: Inputs["missing"][number][] = [];
  for (const [variable, value] of Object.entries(service.env)) {
    if (typeof value === "string") env[variable] = value;
    else if ("secret" in value) {
      const digest = digestOf(value.secret);
      secretEnv[variable] = { podmanName: `${deployment}_${value.secret}.${digest}`, name: value.secret, digest };
    } else {
      const label = value.device === "id" ? null : value.device.slice("labels.".length);
      const found = label === null ? device.id : lookUp(device.labels, label);
      if (found === undefined && label !== null) missing.push({ kind: "label", name: label });
      env[variable] = fromDevice[variable] = found ?? UNKNOWN;
    }
  }
  const files = [
    ...service.files.map(({ path, content, mode }) => ({ path, mode, source: { kind: "text", text: content } as const })),
    ...service.secrets.map((secret) => ({
      path: secretPath(secret),
      mode: SECRET_MODE,
      source: { kind: "secret", name: secret.name, digest: digestOf(secret.name) } as const,
    })),
  ].map((file, index): InputFile => ({ name: String(index), ...file }));
  const folder = `${deployment}_${service.name}.${shortDigest(files)}`;
  const mounts = files.length === 0 ? null : { folder, files };
  const secrets = [...new Set([...service.secrets.map(({ name }) => name), ...Object.values(secretEnv).map(({ name }) => name)])];
  missing.push(...secrets.filter((name) => digestOf(name) === UNKNOWN).map((name) => ({ kind: "secret", name }) as const));
  const unlimited = unenforced(service, controllers);
  const told = {
    env: Object.keys(fromDevice).length === 0 ? undefined : fromDevice,
    mounts: mounts?.folder,
    secrets:
      Object.keys(secretEnv).length === 0
        ? undefined
        : Object.fromEntries(Object.entries(secretEnv).map(([variable, { podmanName }]) => [variable, podmanName])),
    // So that it is made anew when the controller was turned on, and when it was turned off, where
    // no start would succeed.
    unlimited: unlimited.length === 0 ? undefined : unlimited,
  };
  const isNothing = Object.values(told).every((part) => part === undefined);
  return { env, secretEnv, mounts, missing, label: isNothing ? "" : canonicalJson(told) };
}

/** Limits of the Score that nothing on this device enforces, in the Score's words. */
export function unenforced(service: Service, controllers: readonly string[]): readonly string[] {
  const { memory, cpus, pids } = service.resources ?? {};
  return [
    memory !== undefined && !controllers.includes("memory") ? "memory" : null,
    cpus !== undefined && !controllers.includes("cpu") ? "cpus" : null,
    pids !== undefined && !controllers.includes("pids") ? "pids" : null,
  ].filter((limit) => limit !== null);
}

/** Whether a secret of Podman's is ours, for any deployment: the list of 4.9 tells no labels. */
export function isSecretOfAgent(podmanName: string): boolean {
  return /^[^_]+_.+\.[0-9a-f]{20}$/.test(podmanName);
}

export function isSecretOf(deployment: string, podmanName: string): boolean {
  return podmanName.startsWith(`${deployment}_`) && isSecretOfAgent(podmanName);
}

/**
 * Whether a container's label says that it was made with this folder or this secret of Podman's.
 */
export function isNamedIn(label: string, name: string): boolean {
  return label.includes(JSON.stringify(name));
}

function shortDigest(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 20);
}
