// Keeps all objects of one resource type current in memory: a paged list, then a watch from its
// resourceVersion on. A watch that ends or is cut is resumed. When that fails (410, an outage) it
// begins with a new list, tried again with back-off, for ever, and the reason is the store's state
// meanwhile. The objects last known stay in the store until a whole new list has been read. The
// official client's informer is not used: it stops for good on any error but 410.

import { ENVELOPE_LIMITS, parse } from "@harmony/schema";
import { backoffMs, type Clock, type Log, systemClock } from "@harmony/runtime";
import * as z from "zod/mini";
import { type KubernetesConnection, KubernetesStatus } from "./connection.ts";
import { codeOfStatus, KubernetesError } from "./kubernetes-error.ts";
import { asObject, isNewer, KubernetesObject, resourceName, resourcePath, type ResourceType, withoutManagers } from "./resource.ts";

export type StoreState =
  /** Nothing was read yet. */
  | { readonly kind: "starting" }
  /** All objects as of this version; a watch that just ended does not change that. */
  | { readonly kind: "complete"; readonly resourceVersion: string }
  /** The last try failed: the objects may be out of date. */
  | { readonly kind: "unreadable"; readonly error: KubernetesError };

export interface ObjectChange {
  readonly previous: KubernetesObject | null;
  readonly current: KubernetesObject | null;
}

export interface ResourceStore {
  state(): StoreState;
  /** The objects, by uid. */
  objects(): ReadonlyMap<string, KubernetesObject>;
  /**
   * Takes the object that a write answered; the watch will report it only later. Ignores an object
   * that is older than the known one, or unknown.
   */
  put(object: KubernetesObject): void;
  /** Resolves with the first state that is not `starting`. */
  started(signal: AbortSignal): Promise<void>;
}

export interface ListAndWatchOptions {
  readonly connection: KubernetesConnection;
  readonly type: ResourceType;
  readonly log: Log;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly onChange: (change: ObjectChange) => void;
  readonly onState?: (state: StoreState) => void;
  readonly pageSize?: number;
  /** The time for which the server is asked to keep a watch open. */
  readonly watchSeconds?: number;
  /**
   * A watch that is silent for this long, without even a bookmark (the server sends one a minute),
   * counts as dead and is resumed.
   */
  readonly silenceMs?: number;
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
  readonly clock?: Clock;
}

const Page = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string(), continue: z.optional(z.string()) }),
  items: z.array(KubernetesObject),
});

const WatchEvent = z.looseObject({ type: z.string(), object: z.unknown() });
const Bookmark = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string() }) });

/**
 * A watch that ends sooner than this without an event counts as a failure: a proxy may cut each one
 * at once.
 */
const SHORT_WATCH_MS = 1_000;

/** Lists all objects as they are now: a consistent read, never from a cache that lags behind. */
export async function listObjects(
  connection: KubernetesConnection,
  type: ResourceType,
  { signal, pageSize = 500 }: { readonly signal: AbortSignal; readonly pageSize?: number },
): Promise<{ objects: KubernetesObject[]; resourceVersion: string }> {
  const what = `list ${resourceName(type)}`;
  const objects: KubernetesObject[] = [];
  let next: string | undefined;
  for (;;) {
    const query = { limit: String(pageSize), ...(next === undefined ? {} : { continue: next }) };
    const page = parse(Page, await connection.request({ method: "GET", path: resourcePath(type), query, what, signal }), ENVELOPE_LIMITS);
    if (!page.ok) throw new KubernetesError("BadAnswer", `failed to ${what}: ${connection.server} answered something that is no list`);
    objects.push(...page.value.items.map(withoutManagers));
    const { continue: rest = "", resourceVersion } = page.value.metadata;
    if (rest === "") return { objects, resourceVersion };
    next = rest;
  }
}

export function listAndWatch(options: ListAndWatchOptions): ResourceStore {
  const { connection, type, log, signal, onChange, onState = () => undefined } = options;
  const { pageSize, watchSeconds = 290, silenceMs = 150_000, backoff = { baseMs: 250, maxMs: 10_000 }, clock = systemClock } = options;
  const name = resourceName(type);
  const path = resourcePath(type);
  let objects = new Map<string, KubernetesObject>();
  let state: StoreState = { kind: "starting" };
  const firstState = Promise.withResolvers<void>();

  const enter = (next: StoreState): void => {
    const before = state;
    state = next;
    if (next.kind === "unreadable") {
      const { error } = next;
      if (before.kind === "unreadable" && before.error.code === error.code) return;
      log.warn("failed to follow a Kubernetes resource", { resource: name, code: error.code, error });
    } else if (before.kind === "unreadable") log.info("following a Kubernetes resource again", { resource: name });
    else if (before.kind === next.kind) return;
    firstState.resolve();
    onState(next);
  };

  const set = (object: KubernetesObject): void => {
    const { uid } = object.metadata;
    const previous = objects.get(uid) ?? null;
    if (previous !== null && !isNewer(object, previous)) return;
    objects.set(uid, object);
    onChange({ previous, current: object });
  };

  /** Replaces all that is known, and gives the version from which to watch. */
  const list = async (): Promise<string> => {
    const { objects: found, resourceVersion } = await listObjects(
      connection,
      type,
      pageSize === undefined ? { signal } : { signal, pageSize },
    );
    const before = objects;
    objects = new Map(found.map((object) => [object.metadata.uid, object]));
    for (const [uid, previous] of before) if (!objects.has(uid)) onChange({ previous, current: null });
    for (const current of found) {
      const previous = before.get(current.metadata.uid) ?? null;
      if (previous?.metadata.resourceVersion !== current.metadata.resourceVersion) onChange({ previous, current });
    }
    enter({ kind: "complete", resourceVersion });
    return resourceVersion;
  };

  /**
   * Follows until the server ends it. `at` moves with every event, so that no event is asked for
   * twice.
   */
  const watch = async (at: { resourceVersion: string }): Promise<void> => {
    const what = `watch ${name}`;
    const dead = new AbortController();
    const events = await connection.stream({
      method: "GET",
      path,
      query: { watch: "true", allowWatchBookmarks: "true", resourceVersion: at.resourceVersion, timeoutSeconds: String(watchSeconds) },
      what,
      signal: AbortSignal.any([signal, dead.signal]),
    });
    enter({ kind: "complete", resourceVersion: at.resourceVersion });
    const timer = setTimeout(() => dead.abort(), silenceMs);
    try {
      for await (const line of events) {
        timer.refresh();
        at.resourceVersion = follow(line, what);
        enter({ kind: "complete", resourceVersion: at.resourceVersion });
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof KubernetesError) throw error;
      log.debug("a watch was cut off", { resource: name, error });
    } finally {
      clearTimeout(timer);
    }
  };

  /** Takes one event, and gives the version that it stands for. */
  const follow = (line: unknown, what: string): string => {
    const event = parse(WatchEvent, line, ENVELOPE_LIMITS);
    if (!event.ok) throw new KubernetesError("BadAnswer", `failed to ${what}: ${connection.server} sent something that is no event`);
    const { type: kind, object } = event.value;
    if (kind === "ERROR") {
      const status = parse(KubernetesStatus, object);
      const { code = 500, message = "" } = status.ok ? status.value : {};
      throw new KubernetesError(codeOfStatus(code), `failed to ${what}: ${connection.server} ended it with ${code}: ${message}`);
    }
    if (kind === "BOOKMARK") {
      const bookmark = parse(Bookmark, object);
      if (!bookmark.ok) throw new KubernetesError("BadAnswer", `failed to ${what}: ${connection.server} sent a bookmark without a version`);
      return bookmark.value.metadata.resourceVersion;
    }
    const current = asObject(object, what);
    if (kind === "DELETED") {
      const previous = objects.get(current.metadata.uid) ?? null;
      if (objects.delete(current.metadata.uid)) onChange({ previous, current: null });
    } else set(current);
    return current.metadata.resourceVersion;
  };

  const run = async (): Promise<void> => {
    let at: { resourceVersion: string } | null = null;
    let failures = 0;
    for (;;) {
      let waitMs = 0;
      try {
        at ??= { resourceVersion: await list() };
        const startedMs = clock.monotonicMs();
        const from: string = at.resourceVersion;
        await watch(at);
        const short = at.resourceVersion === from && clock.monotonicMs() - startedMs < SHORT_WATCH_MS;
        failures = short ? failures + 1 : 0;
        if (short) waitMs = backoffMs(failures, backoff);
      } catch (error) {
        if (signal.aborted) return;
        const failure =
          error instanceof KubernetesError ? error : new KubernetesError("BadAnswer", `failed to follow ${name}`, { cause: error });
        // The watch is not resumed: a server that was away may have come back with an older copy of
        // its store, and would not say so.
        at = null;
        failures += 1;
        waitMs = Math.max(backoffMs(failures, backoff), failure.retryAfterMs ?? 0);
        if (failure.code === "Gone") log.debug("the watch is too old, listing again", { resource: name });
        else enter({ kind: "unreadable", error: failure });
      }
      try {
        if (waitMs > 0) await clock.sleep(waitMs, signal);
      } catch {
        return;
      }
      if (signal.aborted) return;
    }
  };
  void run();

  return {
    state: () => state,
    objects: () => objects,
    put: (object) => {
      if (objects.has(object.metadata.uid)) set(object);
    },
    started: async (waiting) => {
      const { promise, reject } = Promise.withResolvers<never>();
      const abort = (): void => reject(waiting.reason);
      waiting.throwIfAborted();
      waiting.addEventListener("abort", abort, { once: true });
      await Promise.race([firstState.promise, promise]).finally(() => waiting.removeEventListener("abort", abort));
    },
  };
}
