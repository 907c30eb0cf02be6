// What stood around objects that are being deleted: whether the definition of our resource, and the
// namespaces, are on their way out too. Ask after the objects were seen: whoever deletes one of
// these marks it before what is in it. What cannot be read is `unknown`.

import { type KubernetesConnection, KubernetesError, type ObjectName, readObject, type ResourceType } from "@harmony/kube-api";
import type { DeletingObject, KubernetesEvidence, Presence } from "../source.ts";
import { eachOf } from "./each-of.ts";

export const DEFINITIONS: ResourceType = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
};
export const NAMESPACES: ResourceType = { group: "", version: "v1", kind: "Namespace", plural: "namespaces" };
const DEFINITION = "deployments.iot.nationtech.io";
const CONCURRENCY = 8;

export async function readEvidence(
  connection: KubernetesConnection,
  deleting: readonly DeletingObject[],
  signal: AbortSignal,
): Promise<{ readonly evidence: KubernetesEvidence; readonly problem: string | null }> {
  let problem: string | null = null;
  const presence = async (type: ResourceType, object: ObjectName): Promise<Presence> => {
    try {
      const { metadata } = await readObject(connection, type, object, signal);
      return metadata.deletionTimestamp === undefined ? "present" : "terminating";
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.code === "NotFound") return "gone";
      problem = `deletions wait: ${error.message} (the rights that the operator needs: kubectl apply -f iot/deploy/operator.yaml)`;
      return "unknown";
    }
  };
  const namespaces = new Map<string, Presence>();
  if (deleting.length === 0) return { evidence: { kind: "kubernetes", crd: "unknown", namespaces }, problem };
  const crd = await presence(DEFINITIONS, { name: DEFINITION });
  await eachOf([...new Set(deleting.map(({ namespace }) => namespace))], CONCURRENCY, async (name) => {
    namespaces.set(name, await presence(NAMESPACES, { name }));
  });
  return { evidence: { kind: "kubernetes", crd, namespaces }, problem };
}
