// The Kubernetes source: Deployments of all namespaces. Each reading is a consistent list made
// after it was asked for, so that an operator that was held up cannot act on what is no longer so.
// The watch says what may differ, and a change of a few objects needs no list: each is asked for by
// its name before anything is written (heard.ts). A reading changes nothing: that our finalizer
// stands on an object before it is first served, and goes when nothing of it can go any more, is
// planned, and carried out here. Two operators at once are safe without a lease: every write to the
// bucket is a compare-and-set, every write here is idempotent.

import { backoffMs, type Clock, type Log, systemClock } from "@harmony/runtime";
import {
  connectKubernetes,
  isNewer,
  type KubernetesConnection,
  KubernetesError,
  type KubernetesObject,
  listAndWatch,
  listObjects,
  loadKubernetesConfig,
  type ObjectChange,
  readObject,
  resourcePath,
  type ResourceType,
  setFinalizer,
} from "@harmony/kube-api";
import type { DeletingObject, OwnerStep, RefusedDeployment, Source, SourceDeployment, SourceSnapshot } from "../source.ts";
import { watchApiHealth } from "./api-health.ts";
import { DevicesOfCluster } from "./device-objects.ts";
import { eachOf } from "./each-of.ts";
import { announcer } from "./events.ts";
import { createHeard } from "./heard.ts";
import { NAMESPACES, readEvidence } from "./presence.ts";
import { CONFIRM_ANNOTATION, deletingObject, FINALIZER, KEEP_ANNOTATION, readDeployment } from "./read-deployment.ts";
import { StatusWriter } from "./status-writer.ts";
import type { SourceReason } from "../reasons.ts";

export const DEPLOYMENTS: ResourceType = { group: "iot.nationtech.io", version: "v1alpha1", kind: "Deployment", plural: "deployments" };
const MANAGER = "iot-operator";
const CONCURRENCY = 16;
const BACKOFF = { baseMs: 500, maxMs: 10_000 };

export interface KubernetesSourceOptions {
  /**
   * The cluster's id unless given: `kubernetes:` and the uid of its kube-system namespace, which
   * stays for the cluster's life.
   */
  readonly id?: string | undefined;
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** What KUBECONFIG or the pod's service account say, unless given. */
  readonly connection?: KubernetesConnection;
  /** Why it is not known yet which cluster this is; null: it is. */
  readonly onWaiting?: (why: string | null) => void;
  readonly clock?: Clock;
}

/**
 * Waits for the API server, which says which cluster it is. @throws KubernetesError NotConfigured
 * when no API server is configured.
 */
export async function createKubernetesSource(options: KubernetesSourceOptions): Promise<Source> {
  const { log, signal, connection = connectKubernetes(loadKubernetesConfig(), "harmony-iot"), clock = systemClock } = options;
  signal.addEventListener("abort", () => connection.close(), { once: true });
  const clusterUid = await uidOfCluster(connection, { log, signal, clock, onWaiting: options.onWaiting ?? (() => undefined) });
  const id = options.id ?? `kubernetes:${clusterUid}`;
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
  const health = watchApiHealth({
    connection,
    path: resourcePath(DEPLOYMENTS),
    store,
    clock,
    signal,
    explain: (error) => explained(error).message,
    onNews: hint,
  });
  const statuses = new StatusWriter({ connection, type: DEPLOYMENTS, store, manager: MANAGER, log, clock, explain: explained });
  const announce = announcer({ connection, type: DEPLOYMENTS, manager: MANAGER, log, signal, clock });
  const heard = createHeard({ connection, type: DEPLOYMENTS, store });
  const devices = new DevicesOfCluster({ connection, manager: MANAGER, log, signal, clock, onSaid: hint });
  let failedReadings = 0;
  /** The objects as they were read last, by uid. */
  let listedObjects: ReadonlyMap<string, KubernetesObject> = new Map();

  /** Nobody else would ask for a reading again: the watch may be in the best of health. */
  const readAgainLater = (): void => {
    failedReadings += 1;
    clock.sleep(backoffMs(failedReadings, BACKOFF), signal).then(hint, () => undefined);
  };

  const read = async (reading: AbortSignal): Promise<SourceSnapshot> => {
    let listed: Awaited<ReturnType<typeof listObjects>>;
    const recovery = health.recovery();
    try {
      listed = await listObjects(connection, DEPLOYMENTS, { signal: AbortSignal.any([reading, recovery]) });
    } catch (error) {
      reading.throwIfAborted();
      // What was asked of a server that was away is asked again.
      if (recovery.aborted) return await read(reading);
      if (!(error instanceof KubernetesError)) throw error;
      readAgainLater();
      return { kind: "unreadable", ...explained(error) };
    }
    await devices.started(reading);
    const said = devices.said();
    if (said === null) {
      readAgainLater();
      const problem = devices.problem() ?? new KubernetesError("Timeout", "the Devices of the cluster are not read yet");
      return { kind: "unreadable", ...explained(problem, "devices") };
    }
    failedReadings = 0;
    listedObjects = new Map(listed.objects.map((object) => [object.metadata.uid, object]));
    const deployments: SourceDeployment[] = [];
    const refused: RefusedDeployment[] = [];
    const deleting: DeletingObject[] = [];
    for (const object of listed.objects) {
      if (object.metadata.deletionTimestamp !== undefined) {
        deleting.push(deletingObject(object));
        continue;
      }
      const result = readDeployment(object);
      if (result.ok) deployments.push(result.deployment);
      else refused.push(result.refused);
    }
    const { evidence, problem } = await readEvidence(connection, deleting, reading);
    return {
      kind: "complete",
      deployments,
      refused,
      deleting,
      ...said,
      version: listed.resourceVersion,
      authoritative: true,
      evidence,
      ...(problem === null ? {} : { problem }),
    };
  };

  const carryOut = async ({ kind, object: { uid, namespace, name } }: OwnerStep, acting: AbortSignal): Promise<string | null> => {
    const object = newest(listedObjects.get(uid), store.objects().get(uid));
    if (object === undefined) return null;
    const present = kind === "claim";
    const deployment = `${namespace}/${name}`;
    try {
      const changed = await setFinalizer(connection, DEPLOYMENTS, {
        object,
        finalizer: FINALIZER,
        present,
        manager: MANAGER,
        signal: acting,
      });
      if (changed !== null) store.put(changed);
      if (!present) log.info("removed the finalizer, nothing of it is to go any more", { deployment });
      return null;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      log.warn(present ? "failed to add the finalizer" : "failed to remove the finalizer", { deployment, error });
      const { message } = explained(error);
      return present
        ? `it is not served until its finalizer ${FINALIZER} stands: ${message}`
        : `its finalizer ${FINALIZER} cannot be removed: ${message}`;
    }
  };

  return {
    id,
    clusterUid,
    devices,
    health: () => {
      const problem = devices.problem();
      return health.problem() ?? (problem === null ? null : explained(problem, "devices").message);
    },
    read,
    recall: () => {
      const [recalled, said] = [health.problem() === null ? heard.recall() : null, devices.said()];
      return recalled === null || said === null ? null : { ...recalled, ...said };
    },
    isStill: (deployments, asking) => heard.isStill(deployments, asking),
    announce,
    carryOut: async (steps, acting) => {
      const failed = new Map<string, string>();
      await eachOf(steps, CONCURRENCY, async (step) => {
        const why = await carryOut(step, acting);
        if (why !== null) failed.set(step.object.uid, why);
      });
      return failed;
    },
    watch: async (onChange, watching) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (watching.aborted) return;
      watching.addEventListener("abort", () => resolve(), { once: true });
      listeners.add(onChange);
      await promise.finally(() => listeners.delete(onChange));
    },
    report: (results, reporting) => statuses.report(results, reporting),
    isBehind: () => statuses.isBehind(),
  };
}

/** Our own writes (status, finalizer) change nothing of what a reading gives. */
function concernsUs({ previous, current }: ObjectChange): boolean {
  if (previous === null || current === null) return true;
  const [before, now] = [previous.metadata, current.metadata];
  return (
    before.generation !== now.generation ||
    before.deletionTimestamp !== now.deletionTimestamp ||
    wordsOf(previous) !== wordsOf(current) ||
    (now.finalizers?.includes(FINALIZER) !== true && before.finalizers?.includes(FINALIZER) === true)
  );
}

/** What a person says of a removal, by annotations. */
function wordsOf({ metadata: { annotations = {} } }: KubernetesObject): string {
  return `${annotations[CONFIRM_ANNOTATION] ?? ""} ${annotations[KEEP_ANNOTATION] ?? ""}`;
}

function newest(a: KubernetesObject | undefined, b: KubernetesObject | undefined): KubernetesObject | undefined {
  return a !== undefined && b !== undefined ? (isNewer(a, b) ? a : b) : (a ?? b);
}

function explained(error: KubernetesError, plural = "deployments"): { reason: SourceReason; message: string } {
  if (error.code === "NotFound") {
    return {
      reason: "CrdMissing",
      message: `the cluster does not know ${plural}.iot.nationtech.io: kubectl apply -f iot/deploy/crd.yaml`,
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

/** A server that says nothing is named as soon as one that refuses. */
const ASKED_FOR_MS = 4_000;

async function uidOfCluster(
  connection: KubernetesConnection,
  o: { log: Log; signal: AbortSignal; clock: Clock; onWaiting: (why: string | null) => void },
): Promise<string> {
  const { log, signal, clock, onWaiting } = o;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { metadata } = await readObject(connection, NAMESPACES, { name: "kube-system" }, signal, ASKED_FOR_MS);
      onWaiting(null);
      return metadata.uid;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      onWaiting(explained(error).message);
      const retryAfterMs = Math.max(backoffMs(attempt, BACKOFF), error.retryAfterMs ?? 0);
      log.warn("failed to learn which cluster this is", { error, retryAfterMs });
      await clock.sleep(retryAfterMs, signal);
    }
  }
}
