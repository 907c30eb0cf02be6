// The Kubernetes source: Deployments of all namespaces. Each reading is a consistent list made after it was asked for, so that an
// operator that was held up cannot act on what is no longer so; the watch only says that a reading may differ. Our finalizer stands on
// an object before it is first served and goes when its keys are gone. Two operators at once are safe without a lease: every write
// to the bucket is a compare-and-set, every write here is idempotent.

import { backoffMs, type Clock, type Log, systemClock } from "@harmony/runtime";
import {
  applyStatus,
  connectKubernetes,
  type KubernetesConnection,
  KubernetesError,
  type KubernetesObject,
  listAndWatch,
  listObjects,
  loadKubernetesConfig,
  type ObjectChange,
  readObject,
  type ResourceType,
  setFinalizer,
} from "@harmony/kube-api";
import type { DeploymentResult, RefusedDeployment, Source, SourceDeployment, SourceObject, SourceSnapshot } from "../source.ts";
import { eachOf } from "./each-of.ts";
import { readDeployment, sourceObject } from "./read-deployment.ts";
import { statusToWrite } from "./status.ts";

export const DEPLOYMENTS: ResourceType = { group: "iot.nationtech.io", version: "v1alpha1", kind: "Deployment", plural: "deployments" };
export const FINALIZER = "iot.nationtech.io/desired-state";
const MANAGER = "iot-operator";
const NAMESPACES: ResourceType = { group: "", version: "v1", kind: "Namespace", plural: "namespaces" };
const CONCURRENCY = 16;
const BACKOFF = { baseMs: 500, maxMs: 10_000 };

export interface KubernetesSourceOptions {
  /** Of the cluster unless told: `kubernetes:` and the uid of its kube-system namespace, which stays for the cluster's life. */
  readonly id?: string | undefined;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** As KUBECONFIG or the pod's service account say, unless told. */
  readonly connection?: KubernetesConnection;
  readonly clock?: Clock;
}

/** Waits for the API server when it has to ask it for the id. @throws KubernetesError NotConfigured when no API server is configured. */
export async function createKubernetesSource(options: KubernetesSourceOptions): Promise<Source> {
  const { log, signal, connection = connectKubernetes(loadKubernetesConfig(), "harmony-iot"), clock = systemClock } = options;
  signal.addEventListener("abort", () => connection.close(), { once: true });
  const id = options.id ?? (await clusterId(connection, { log, signal, clock }));
  const listeners = new Set<() => void>();
  const hint = (): void => {
    for (const listener of listeners) listener();
  };
  const store = listAndWatch({
    connection,
    type: DEPLOYMENTS,
    log,
    signal,
    clock,
    onChange: (change) => {
      if (concernsUs(change)) hint();
    },
    onState: (state) => {
      if (state.kind === "complete") hint();
    },
  });
  let failedReadings = 0;

  /** The objects that carry our finalizer now, and why the others do not yet. */
  const claim = async (objects: readonly KubernetesObject[], reading: AbortSignal): Promise<Map<string, string>> => {
    const refused = new Map<string, string>();
    await eachOf(objects, CONCURRENCY, async (object) => {
      try {
        const claimed = await setFinalizer(connection, DEPLOYMENTS, {
          object,
          finalizer: FINALIZER,
          present: true,
          manager: MANAGER,
          signal: reading,
        });
        if (claimed !== null) store.put(claimed);
        else refused.set(object.metadata.uid, "it is being deleted");
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error;
        log.warn("failed to add the finalizer", { ...sourceObject(object), error });
        refused.set(object.metadata.uid, error.message);
      }
    });
    return refused;
  };

  /** Nobody else would ask for a reading again: the watch may be in the best of health. */
  const readAgainLater = (): void => {
    failedReadings += 1;
    clock.sleep(backoffMs(failedReadings, BACKOFF), signal).then(hint, () => undefined);
  };

  const read = async (reading: AbortSignal): Promise<SourceSnapshot> => {
    let listed: Awaited<ReturnType<typeof listObjects>>;
    try {
      listed = await listObjects(connection, DEPLOYMENTS, { signal: reading });
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      readAgainLater();
      return { kind: "unreadable", ...explained(error) };
    }
    const deployments: SourceDeployment[] = [];
    const refused: RefusedDeployment[] = [];
    const deleting: (SourceObject & { readonly generation?: number })[] = [];
    const served: { object: KubernetesObject; deployment: SourceDeployment }[] = [];
    for (const object of listed.objects) {
      if (object.metadata.deletionTimestamp !== undefined) {
        const { generation } = object.metadata;
        deleting.push({ ...sourceObject(object), ...(generation === undefined ? {} : { generation }) });
        continue;
      }
      const result = readDeployment(object);
      if (result.ok) served.push({ object, deployment: result.deployment });
      else refused.push(result.refused);
    }
    const unclaimed = await claim(
      served.map(({ object }) => object),
      reading,
    );
    for (const { deployment } of served) {
      const why = unclaimed.get(deployment.uid);
      if (why === undefined) deployments.push(deployment);
      else
        refused.push({
          ...deployment,
          reason: "FinalizerMissing",
          message: `it is not served until its finalizer ${FINALIZER} stands: ${why}`,
        });
    }
    if (unclaimed.size > 0) readAgainLater();
    else failedReadings = 0;
    return { kind: "complete", deployments, refused, deleting, version: listed.resourceVersion, authoritative: true };
  };

  const write = async (result: DeploymentResult, reporting: AbortSignal): Promise<void> => {
    const { uid, namespace, name } = result;
    for (let attempt = 1; ; attempt += 1) {
      const object = store.objects().get(uid);
      if (object === undefined) return;
      const status = statusToWrite(result, object.status, rfc3339(clock.now()));
      if (status === null) return;
      try {
        store.put(await applyStatus(connection, DEPLOYMENTS, { object, manager: MANAGER, status, signal: reporting }));
        return log.debug("wrote status", { namespace, deployment: name, ready: result.conditions.Ready.message });
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.code !== "Conflict" || attempt === 3) throw error;
      }
      const now = await readObject(connection, DEPLOYMENTS, { namespace, name }, reporting);
      // Another of its name: the watch brings the news.
      if (now.metadata.uid !== uid) return;
      store.put(now);
    }
  };

  const release = async ({ uid, namespace, name }: SourceObject, reporting: AbortSignal): Promise<void> => {
    const object = store.objects().get(uid);
    if (object?.metadata.finalizers?.includes(FINALIZER) !== true) return;
    const released = await setFinalizer(connection, DEPLOYMENTS, {
      object,
      finalizer: FINALIZER,
      present: false,
      manager: MANAGER,
      signal: reporting,
    });
    if (released !== null) store.put(released);
    log.info("removed the finalizer, the keys are gone", { namespace, deployment: name });
  };

  return {
    id,
    read,
    watch: async (onChange, watching) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (watching.aborted) return;
      watching.addEventListener("abort", () => resolve(), { once: true });
      listeners.add(onChange);
      await promise.finally(() => listeners.delete(onChange));
    },
    report: async (results, removed, reporting) => {
      const failures: unknown[] = [];
      const tryOne = async (one: SourceObject, deed: () => Promise<void>): Promise<void> => {
        try {
          await deed();
        } catch (error) {
          reporting.throwIfAborted();
          // Gone: the watch brings the news.
          if (error instanceof KubernetesError && error.code === "NotFound") return;
          log.debug("failed to tell a deployment's owner", { namespace: one.namespace, deployment: one.name, error });
          failures.push(error);
        }
      };
      await eachOf(results, CONCURRENCY, async (result) => await tryOne(result, async () => await write(result, reporting)));
      await eachOf(removed, CONCURRENCY, async (object) => await tryOne(object, async () => await release(object, reporting)));
      const [first] = failures;
      const code = first instanceof KubernetesError ? first.code : "BadAnswer";
      if (failures.length > 0) throw new KubernetesError(code, `failed to report ${failures.length} deployments`, { cause: first });
    },
  };
}

/** Our own writes (status, finalizer) change nothing of what a reading gives. */
function concernsUs({ previous, current }: ObjectChange): boolean {
  if (previous === null || current === null) return true;
  const [before, now] = [previous.metadata, current.metadata];
  return (
    before.generation !== now.generation ||
    before.deletionTimestamp !== now.deletionTimestamp ||
    (now.finalizers?.includes(FINALIZER) !== true && before.finalizers?.includes(FINALIZER) === true)
  );
}

function explained(error: KubernetesError): { reason: string; message: string } {
  if (error.code === "NotFound") {
    return {
      reason: "CrdMissing",
      message: "the cluster does not know deployments.iot.nationtech.io: kubectl apply -f iot/deploy/crd.yaml",
    };
  }
  if (error.code === "Forbidden") {
    return {
      reason: error.code,
      message: `${error.message} (the rights that the operator needs: kubectl apply -f iot/deploy/operator.yaml)`,
    };
  }
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return { reason: error.code, message: `${error.message}${cause}` };
}

async function clusterId(connection: KubernetesConnection, o: { log: Log; signal: AbortSignal; clock: Clock }): Promise<string> {
  const { log, signal, clock } = o;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { metadata } = await readObject(connection, NAMESPACES, { name: "kube-system" }, signal);
      return `kubernetes:${metadata.uid}`;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      const retryAfterMs = Math.max(backoffMs(attempt, BACKOFF), error.retryAfterMs ?? 0);
      log.warn("failed to learn which cluster this is; IOT_SOURCE_ID would tell", { error, retryAfterMs });
      await clock.sleep(retryAfterMs, signal);
    }
  }
}

function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
