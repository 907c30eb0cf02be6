// The Device objects of a cluster: followed by a watch, made, claimed, written and released here.
// Which of that is to be done is devices/'s. What people say in them that a plan goes by, the
// allowed namespaces, is kept beside them, as one map for as long as nobody says something else.

import type { Clock, Log } from "@harmony/runtime";
import {
  applyStatus,
  createObject,
  type KubernetesConnection,
  KubernetesError,
  type KubernetesObject,
  listAndWatch,
  type ObjectChange,
  readObject,
  type ResourceStore,
  type ResourceType,
  setFinalizer,
} from "@harmony/kube-api";
import { ENVELOPE_LIMITS, parse } from "@harmony/schema";
import { DEVICE_KIND, type DeviceId, deviceOfKey, DeviceObjectStatus, DeviceSpec } from "@iot/contracts";
import type { DeviceObject, DeviceObjects, DeviceObjectStep } from "../device-objects.ts";
import type { AllowedNamespaces, DeviceWords } from "../source.ts";
import { DEFINITIONS } from "./presence.ts";

const DEVICES: ResourceType = { group: "iot.nationtech.io", version: "v1alpha1", kind: DEVICE_KIND, plural: "devices" };
/** It stands on every Device, so that its deletion is seen, and waits until the device is silent. */
const DEVICE_FINALIZER = "iot.nationtech.io/device";
const DEFINITION = "devices.iot.nationtech.io";

export interface DeviceObjectsOptions {
  readonly connection: KubernetesConnection;
  readonly manager: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** What people say may be another, or is known now. */
  readonly onSaid: () => void;
}

export class DevicesOfCluster implements DeviceObjects {
  readonly #options: DeviceObjectsOptions;
  readonly #store: ResourceStore;
  readonly #byDevice = new Map<DeviceId, KubernetesObject>();
  readonly #listeners = new Set<(device: DeviceId) => void>();
  readonly #read = new WeakMap<KubernetesObject, DeviceObject>();
  readonly #words = new SaidByPeople();
  #isKnown = false;

  constructor(options: DeviceObjectsOptions) {
    const { connection, log, signal, clock, onSaid } = options;
    this.#options = options;
    this.#store = listAndWatch({
      connection,
      type: DEVICES,
      log,
      signal,
      clock,
      onChange: (change) => this.#hear(change),
      onState: (state) => {
        this.#isKnown ||= state.kind === "complete";
        onSaid();
      },
    });
  }

  /** Resolves when it is known whether they can be read. */
  started(signal: AbortSignal): Promise<void> {
    return this.#store.started(signal);
  }

  /** Why they are not known, or not any more; null: they are followed. */
  problem(): KubernetesError | null {
    const state = this.#store.state();
    return state.kind === "unreadable" ? state.error : null;
  }

  /** What people say; null: it is not known yet. The same objects until something else is said. */
  said(): { readonly devices: ReadonlyMap<DeviceId, DeviceWords>; readonly allowed: AllowedNamespaces } | null {
    return this.#isKnown ? { devices: this.#words.said(), allowed: this.#words.allowed() } : null;
  }

  isComplete(): boolean {
    return this.#isKnown;
  }

  devices(): Iterable<DeviceId> {
    return this.#byDevice.keys();
  }

  onChange(callback: (device: DeviceId) => void): void {
    this.#listeners.add(callback);
  }

  find(device: DeviceId): DeviceObject | null {
    const object = this.#byDevice.get(device);
    if (object === undefined) return null;
    const known = this.#read.get(object) ?? deviceObject(device, object);
    this.#read.set(object, known);
    return known;
  }

  async isDefinitionGoing(signal: AbortSignal): Promise<boolean> {
    try {
      const { metadata } = await readObject(this.#options.connection, DEFINITIONS, { name: DEFINITION }, signal);
      return metadata.deletionTimestamp !== undefined;
    } catch (error) {
      if (error instanceof KubernetesError && error.code === "NotFound") return true;
      throw error;
    }
  }

  async carryOut(step: DeviceObjectStep, signal: AbortSignal): Promise<void> {
    const { connection, manager } = this.#options;
    if (step.kind === "make") {
      const metadata = { name: step.device, labels: step.labels, finalizers: [DEVICE_FINALIZER] };
      await createObject(connection, DEVICES, { metadata, fields: {}, manager, signal });
      return;
    }
    const object = this.#store.objects().get(step.object.uid);
    if (object === undefined) return;
    const present = step.kind === "claim";
    const changed =
      step.kind === "put-status"
        ? await this.#putStatus(object, step.status, signal)
        : await setFinalizer(connection, DEVICES, { object, finalizer: DEVICE_FINALIZER, present, manager, signal });
    if (changed !== null) this.#store.put(changed);
  }

  /** null: it has changed meanwhile, or is gone; the watch brings the news. */
  async #putStatus(object: KubernetesObject, status: DeviceObjectStatus, signal: AbortSignal): Promise<KubernetesObject | null> {
    const { connection, manager } = this.#options;
    try {
      return await applyStatus(connection, DEVICES, { object, manager, status, signal });
    } catch (error) {
      if (error instanceof KubernetesError && (error.code === "Conflict" || error.code === "NotFound")) return null;
      throw error;
    }
  }

  #hear({ previous, current }: ObjectChange): void {
    const device = deviceOfKey((current ?? previous)?.metadata.name ?? "");
    if (device === null) return;
    // One that was made anew under the name may be heard of before the old one is gone.
    if (current !== null) this.#byDevice.set(device, current);
    else if (this.#byDevice.get(device)?.metadata.uid === previous?.metadata.uid) this.#byDevice.delete(device);
    if (this.#words.set(device, this.#byDevice.get(device) ?? null)) this.#options.onSaid();
    for (const listener of this.#listeners) listener(device);
  }
}

/** What stands in the objects that people write, and whether it is another than before. */
class SaidByPeople {
  readonly #words = new Map<DeviceId, DeviceWords>();
  readonly #allowed = new Map<DeviceId, ReadonlySet<string>>();
  #said: ReadonlyMap<DeviceId, DeviceWords> | null = null;
  #restrictions: AllowedNamespaces | null = null;

  /** Whether something else is said now. `object` null: there is none. */
  set(device: DeviceId, object: KubernetesObject | null): boolean {
    const before = this.#words.get(device);
    const now = object === null ? undefined : wordsOf(object);
    if (JSON.stringify(before) === JSON.stringify(now)) return false;
    this.#said = null;
    if (now === undefined) this.#words.delete(device);
    else this.#words.set(device, now);
    const [had, has] = [before?.allowedNamespaces, now?.allowedNamespaces];
    if (had?.join(" ") === has?.join(" ")) return true;
    this.#restrictions = null;
    if (has === undefined) this.#allowed.delete(device);
    else this.#allowed.set(device, new Set(has));
    return true;
  }

  said(): ReadonlyMap<DeviceId, DeviceWords> {
    return (this.#said ??= new Map(this.#words));
  }

  allowed(): AllowedNamespaces {
    return (this.#restrictions ??= new Map(this.#allowed));
  }
}

function wordsOf({ metadata: { labels = {} }, spec }: KubernetesObject): DeviceWords {
  const parsed = parse(DeviceSpec, spec ?? {}, ENVELOPE_LIMITS);
  // What cannot be read permits nobody: nothing new is served, and what runs stays.
  return { labels, ...(parsed.ok ? parsed.value : { allowedNamespaces: [] }) };
}

function deviceObject(device: DeviceId, { metadata, status }: KubernetesObject): DeviceObject {
  const parsed = parse(DeviceObjectStatus, status ?? {}, ENVELOPE_LIMITS);
  const { uid, generation = 0, deletionTimestamp, finalizers = [] } = metadata;
  return {
    device,
    uid,
    generation,
    isDeleting: deletionTimestamp !== undefined,
    isClaimed: finalizers.includes(DEVICE_FINALIZER),
    // What was garbled by hand is written anew.
    status: parsed.ok ? parsed.value : {},
  };
}
