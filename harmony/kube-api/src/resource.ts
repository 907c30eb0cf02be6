// Objects of one resource type: their paths, reading one, server-side apply of the status, and
// finalizers. It knows only metadata. The caller parses spec and status, and bounds them: one
// object that is too large must not hide the others.

import { ENVELOPE_LIMITS, parse } from "@harmony/schema";
import * as z from "zod/mini";
import type { KubernetesConnection } from "./connection.ts";
import { KubernetesError } from "./kubernetes-error.ts";

export interface ResourceType {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
}

export const KubernetesObject = z.looseObject({
  apiVersion: z.optional(z.string()),
  kind: z.optional(z.string()),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.optional(z.string()),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: z.optional(z.int()),
    creationTimestamp: z.optional(z.string()),
    deletionTimestamp: z.optional(z.string()),
    finalizers: z.optional(z.array(z.string())),
    labels: z.optional(z.record(z.string(), z.string())),
    annotations: z.optional(z.record(z.string(), z.string())),
  }),
  spec: z.optional(z.unknown()),
  status: z.optional(z.unknown()),
});
export type KubernetesObject = z.output<typeof KubernetesObject>;

export interface ObjectName {
  /** Absent for objects without a namespace. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** The name as kubectl writes it: `deployments.example.org`, `namespaces`. */
export function resourceName(type: ResourceType): string {
  return type.group === "" ? type.plural : `${type.plural}.${type.group}`;
}

export function apiVersionOf({ group, version }: ResourceType): string {
  return group === "" ? version : `${group}/${version}`;
}

export function resourcePath(type: ResourceType, object?: ObjectName): string {
  const base = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  if (object === undefined) return `${base}/${type.plural}`;
  const namespace = object.namespace === undefined ? "" : `/namespaces/${encodeURIComponent(object.namespace)}`;
  return `${base}${namespace}/${type.plural}/${encodeURIComponent(object.name)}`;
}

/**
 * Whether `a` is a later state of the object than `b`. Versions compare as whole numbers
 * (Kubernetes' API conventions, "Resource Version Semantics": decimal numbers of arbitrary size,
 * ordered).
 */
export function isNewer(a: KubernetesObject, b: KubernetesObject): boolean {
  const [left, right] = [a.metadata.resourceVersion, b.metadata.resourceVersion];
  return left.length === right.length ? left > right : left.length > right.length;
}

export async function readObject(
  connection: KubernetesConnection,
  type: ResourceType,
  object: ObjectName,
  signal: AbortSignal,
  timeoutMs?: number,
): Promise<KubernetesObject> {
  const what = `read ${described(type, object)}`;
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  return asObject(await connection.request({ method: "GET", path: resourcePath(type, object), what, signal, ...limit }), what);
}

/**
 * Server-side apply of the status subresource, for exactly the state that was read. Fields that
 * `manager` set before and leaves out now are removed; fields of others stay.
 * @throws KubernetesError Conflict when the object has changed, or is another of its name; NotFound
 * when there is none.
 */
export async function applyStatus(
  connection: KubernetesConnection,
  type: ResourceType,
  o: { readonly object: KubernetesObject; readonly manager: string; readonly status: unknown; readonly signal: AbortSignal },
): Promise<KubernetesObject> {
  const { object, manager, status, signal } = o;
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const what = `write the status of ${described(type, { namespace, name })}`;
  const answer = await connection.request({
    method: "PATCH",
    path: `${resourcePath(type, { namespace, name })}/status`,
    query: { fieldManager: manager, force: "true" },
    body: {
      type: "application/apply-patch+yaml",
      value: {
        apiVersion: apiVersionOf(type),
        kind: type.kind,
        // The uid alone would not do: this subresource does not check it.
        metadata: { name, namespace, uid, resourceVersion },
        status,
      },
    },
    what,
    signal,
  });
  return asObject(answer, what);
}

/**
 * Server-side apply of a whole object: it is made, or becomes so. Fields of others stay.
 */
export async function applyObject(
  connection: KubernetesConnection,
  type: ResourceType,
  o: { readonly object: ObjectName; readonly fields: object; readonly manager: string; readonly signal: AbortSignal },
): Promise<void> {
  const { object, fields, manager, signal } = o;
  await connection.request({
    method: "PATCH",
    path: resourcePath(type, object),
    query: { fieldManager: manager, force: "true" },
    body: {
      type: "application/apply-patch+yaml",
      value: { apiVersion: apiVersionOf(type), kind: type.kind, metadata: object, ...fields },
    },
    what: `write ${described(type, object)}`,
    signal,
  });
}

/**
 * Makes an object that is not there. Unlike applyObject it claims none of its fields for later.
 * Null: there is one of this name already.
 */
export async function createObject(
  connection: KubernetesConnection,
  type: ResourceType,
  o: { readonly metadata: { readonly name: string } & Readonly<Record<string, unknown>>; readonly fields: object } & {
    readonly manager: string;
    readonly signal: AbortSignal;
  },
): Promise<KubernetesObject | null> {
  const { metadata, fields, manager, signal } = o;
  const what = `make ${described(type, metadata)}`;
  const value = { apiVersion: apiVersionOf(type), kind: type.kind, metadata, ...fields };
  const body = { type: "application/json", value };
  try {
    return asObject(
      await connection.request({ method: "POST", path: resourcePath(type), query: { fieldManager: manager }, body, what, signal }),
      what,
    );
  } catch (error) {
    if (error instanceof KubernetesError && error.code === "Conflict") return null;
    throw error;
  }
}

/**
 * Sets or removes one finalizer, and leaves those of others. It compares and sets on the state that
 * was read, and tries again on the newer state when somebody else was faster. Null: the object of
 * this uid is gone, or it is being deleted and takes no new finalizer.
 */
export async function setFinalizer(
  connection: KubernetesConnection,
  type: ResourceType,
  o: {
    readonly object: KubernetesObject;
    readonly finalizer: string;
    readonly present: boolean;
    readonly manager: string;
    readonly signal: AbortSignal;
  },
): Promise<KubernetesObject | null> {
  const { finalizer, present, manager, signal } = o;
  const { name, namespace, uid } = o.object.metadata;
  const what = `${present ? "add" : "remove"} the finalizer ${finalizer} ${present ? "to" : "from"} ${described(type, { namespace, name })}`;
  let current: KubernetesObject = o.object;
  for (let attempt = 1; ; attempt += 1) {
    const { finalizers = [], resourceVersion, deletionTimestamp } = current.metadata;
    if (finalizers.includes(finalizer) === present) return current;
    if (present && deletionTimestamp !== undefined) return null;
    const changed = present ? [...finalizers, finalizer] : finalizers.filter((other) => other !== finalizer);
    try {
      const answer = await connection.request({
        method: "PATCH",
        path: resourcePath(type, { namespace, name }),
        query: { fieldManager: manager },
        body: { type: "application/merge-patch+json", value: { metadata: { uid, resourceVersion, finalizers: changed } } },
        what,
        signal,
      });
      return asObject(answer, what);
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.code === "NotFound") return null;
      if (error.code !== "Conflict" || attempt === 5) throw error;
    }
    try {
      current = await readObject(connection, type, { namespace, name }, signal);
    } catch (error) {
      if (error instanceof KubernetesError && error.code === "NotFound") return null;
      throw error;
    }
    if (current.metadata.uid !== uid) return null;
  }
}

export function asObject(value: unknown, what: string): KubernetesObject {
  const parsed = parse(KubernetesObject, value, ENVELOPE_LIMITS);
  if (parsed.ok) return withoutManagers(parsed.value);
  const first = parsed.issues[0];
  throw new KubernetesError(
    "BadAnswer",
    `failed to ${what}: what the API server answered is no object: ${first?.path.join(".") ?? ""} ${first?.message ?? ""}`,
  );
}

/** Who manages which field is most of an object with a status, and nobody here asks. */
export function withoutManagers(object: KubernetesObject): KubernetesObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function described(type: ResourceType, { namespace, name }: ObjectName): string {
  return `${resourceName(type)} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}
