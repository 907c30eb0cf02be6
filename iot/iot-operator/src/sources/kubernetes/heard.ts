// What the watch has heard, as a reading: so that a change of one object costs no list of all. It
// may be late, so it proves nothing of what is gone, and each object by which something is to be
// written is asked for by its name first.

import {
  type KubernetesConnection,
  KubernetesError,
  type KubernetesObject,
  readObject,
  type ResourceStore,
  type ResourceType,
} from "@harmony/kube-api";
import type { CompleteSnapshot, RefusedDeployment, Source, SourceDeployment } from "../source.ts";
import { eachOf } from "./each-of.ts";
import { type ReadDeployment, readDeployment } from "./read-deployment.ts";

/** A list costs less for more of them. */
const ASKED_AT_ONCE = 16;

export interface HeardOptions {
  readonly connection: KubernetesConnection;
  readonly type: ResourceType;
  readonly store: ResourceStore;
}

export function createHeard({ connection, type, store }: HeardOptions): Required<Pick<Source, "recall" | "isStill">> {
  /** An object that stays is read once. */
  const known = new WeakMap<KubernetesObject, ReadDeployment>();
  const readOnce = (object: KubernetesObject): ReadDeployment => {
    const read = known.get(object) ?? readDeployment(object);
    known.set(object, read);
    return read;
  };

  const isStill = async (one: SourceDeployment, signal: AbortSignal): Promise<boolean> => {
    const { uid, namespace, name, generation, isClaimed, confirms } = one;
    const object = await readObject(connection, type, { namespace, name }, signal);
    const now = readDeployment(object);
    if (!now.ok || object.metadata.deletionTimestamp !== undefined) return false;
    const { deployment } = now;
    const isSameObject = deployment.uid === uid && deployment.generation === generation;
    return isSameObject && deployment.isClaimed === isClaimed && deployment.confirms === confirms;
  };

  return {
    recall: (): CompleteSnapshot | null => {
      const state = store.state();
      if (state.kind !== "complete") return null;
      const deployments: SourceDeployment[] = [];
      const refused: RefusedDeployment[] = [];
      for (const object of store.objects().values()) {
        // What goes is judged by a reading.
        if (object.metadata.deletionTimestamp !== undefined) return null;
        const read = readOnce(object);
        if (read.ok) deployments.push(read.deployment);
        else refused.push(read.refused);
      }
      return { kind: "complete", deployments, refused, deleting: [], version: state.resourceVersion, evidence: null };
    },
    isStill: async (deployments, signal) => {
      if (deployments.length > ASKED_AT_ONCE) return false;
      let isSame = true;
      try {
        await eachOf(deployments, ASKED_AT_ONCE, async (one) => {
          if (!(await isStill(one, signal))) isSame = false;
        });
      } catch (error) {
        // The list that follows says why.
        if (!(error instanceof KubernetesError)) throw error;
        return false;
      }
      return isSame;
    },
  };
}
