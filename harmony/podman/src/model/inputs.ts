// Derives what the device adds to a service: its files and secrets as files to mount, secrets and
// facts of the device for its environment. Pure. Files are in a folder whose name identifies its
// content, and Podman's secrets are named likewise, so neither ever changes. A changed secret has
// another name, hence another container, and the container before it still has its own to go back
// to. A label of a container lists by these names what it was made with.

import { createHash } from "node:crypto";
import { canonicalJson, lookUp } from "@harmony/schema";
import { secretPath } from "../score/contradictions.ts";
import type { InputFacts } from "./input-facts.ts";
import type { Service } from "../score/service.ts";

export interface InputContext {
  readonly deployment: string;
  readonly device: { readonly id: string; readonly labels: Readonly<Record<string, string>>; readonly timezone?: string };
  readonly host: InputFacts;
  /** The cgroup controllers that can enforce a limit here. */
  readonly controllers: readonly string[];
}

export type InputSource =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "secret"; readonly name: string; readonly digest: string };

export interface InputFile {
  /** The name in its folder. */
  readonly name: string;
  /** The path in the container. */
  readonly path: string;
  readonly mode: number;
  readonly source: InputSource;
}

/**
 * A secret of Podman's, for the environment, so that no answer of `podman inspect` has its value.
 */
export interface InputSecret {
  readonly podmanName: string;
  readonly name: string;
  readonly digest: string;
}

export interface Inputs {
  readonly env: Readonly<Record<string, string>>;
  /** Keyed by the variable's name. */
  readonly secretEnv: Readonly<Record<string, InputSecret>>;
  /** null: the service has no files. */
  readonly mounts: { readonly folder: string; readonly files: readonly InputFile[] } | null;
  /**
   * The parts that the device does not have. If there are any, the rest is good for comparison
   * alone.
   */
  readonly missing: readonly ({ readonly kind: "secret"; readonly name: string } | { readonly kind: "label"; readonly name: string })[];
  /** The parts of the device that a container is made with; empty: none. */
  readonly label: string;
}

const SECRET_MODE = 0o444;
/** It stands for a missing part, and equals nothing that ever existed. */
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
      const label = value.device.startsWith("labels.") ? value.device.slice("labels.".length) : null;
      const own = value.device === "timezone" ? (device.timezone ?? "UTC") : device.id;
      const found = label === null ? own : lookUp(device.labels, label);
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
  const labelled = {
    env: Object.keys(fromDevice).length === 0 ? undefined : fromDevice,
    mounts: mounts?.folder,
    secrets:
      Object.keys(secretEnv).length === 0
        ? undefined
        : Object.fromEntries(Object.entries(secretEnv).map(([variable, { podmanName }]) => [variable, podmanName])),
    // The label lists them, so that the container is made anew when the controller was turned on,
    // and when it was turned off, where no start would succeed.
    unlimited: unlimited.length === 0 ? undefined : unlimited,
  };
  const isNothing = Object.values(labelled).every((part) => part === undefined);
  return { env, secretEnv, mounts, missing, label: isNothing ? "" : canonicalJson(labelled) };
}

/** The limits of the Score that nothing on this device enforces, in the Score's words. */
export function unenforced(service: Service, controllers: readonly string[]): readonly string[] {
  const { memory, cpus, pids } = service.resources ?? {};
  return [
    memory !== undefined && !controllers.includes("memory") ? "memory" : null,
    cpus !== undefined && !controllers.includes("cpu") ? "cpus" : null,
    pids !== undefined && !controllers.includes("pids") ? "pids" : null,
  ].filter((limit) => limit !== null);
}

/** Whether a secret of Podman's is ours, for any deployment: the list of 4.9 has no labels. */
export function isSecretOfAgent(podmanName: string): boolean {
  return /^[^_]+_.+\.[0-9a-f]{20}$/.test(podmanName);
}

export function isSecretOf(deployment: string, podmanName: string): boolean {
  return podmanName.startsWith(`${deployment}_`) && isSecretOfAgent(podmanName);
}

/** The folder and the secrets of Podman's that a container's label says it was made with. */
export function namesIn(label: string): ReadonlySet<string> {
  return new Set(Array.from(label.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([, name = ""]) => name));
}

function shortDigest(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 20);
}
