// The border between a resource as the API server holds it and a Deployment that the operator
// serves. The CRD refuses most mistakes at admission; what it could not refuse, or what an older
// CRD let in, is refused here with a sentence. Pure.

import { formatIssues, type Issue } from "@harmony/core";
import { isDnsLabel, parse } from "@harmony/schema";
import {
  API_VERSION,
  asDeploymentName,
  asDeviceId,
  changedOnTheWay,
  Deployment,
  DEPLOYMENT_KIND,
  SCORE_LIMIT_BYTES,
  scoreString,
} from "@iot/contracts";
import type { KubernetesObject } from "@harmony/kube-api";
import type { DeletingObject, RefusedDeployment, SourceDeployment, SourceObject } from "../source.ts";
import type { Reason } from "../reasons.ts";

/** It stands on every object that is served, so that its deletion is seen. */
export const FINALIZER = "iot.nationtech.io/desired-state";
export const CONFIRM_ANNOTATION = "iot.nationtech.io/confirm-removal";
export const KEEP_ANNOTATION = "iot.nationtech.io/keep-on-devices";

/** A condition's message is for a person. */
const ISSUES_LIMIT = 5;

export type ReadDeployment =
  | { readonly ok: true; readonly deployment: SourceDeployment }
  | { readonly ok: false; readonly refused: RefusedDeployment };

export function readDeployment(object: KubernetesObject): ReadDeployment {
  const { generation = 0, creationTimestamp = "" } = object.metadata;
  const identity = sourceObject(object);
  const refuse = (reason: Reason, message: string): ReadDeployment => ({
    ok: false,
    refused: { ...identity, generation, reason, message },
  });

  if (!isDnsLabel(identity.name)) {
    const wrong = identity.name.includes(".") ? "has a dot" : `has ${identity.name.length} characters`;
    return refuse(
      "InvalidName",
      `metadata.name ${JSON.stringify(identity.name)} ${wrong}: it becomes part of a key and of a container's name, so it must be a DNS label (at most 63 of a-z, 0-9 and -); a name cannot be changed, delete this one and apply it under another`,
    );
  }
  const { name, namespace } = identity;
  const parsed = parse(Deployment, { apiVersion: API_VERSION, kind: DEPLOYMENT_KIND, metadata: { name, namespace }, spec: object.spec });
  if (!parsed.ok) return refuse("InvalidSpec", wrong(parsed.issues));
  const changed = changedOnTheWay(object.spec, ["spec"]);
  if (changed.length > 0) return refuse("InvalidSpec", wrong(changed.slice(0, ISSUES_LIMIT)));
  const { targetDevices, score } = parsed.value.spec;
  const text = scoreString(score);
  const bytes = Buffer.byteLength(text);
  if (bytes > SCORE_LIMIT_BYTES) {
    return refuse(
      "ScoreTooLarge",
      `spec.score has ${Math.ceil(bytes / 1024)} KiB as JSON, more than the ${SCORE_LIMIT_BYTES / 1024} KiB that fit: move large files into the image or split it into several Deployments`,
    );
  }
  return {
    ok: true,
    deployment: {
      ...identity,
      name: asDeploymentName(name),
      generation,
      createdAt: creationTimestamp,
      targetDevices: targetDevices.map(asDeviceId),
      scoreString: text,
      isClaimed: isClaimed(object),
      ...confirmsOf(object),
    },
  };
}

function wrong(issues: readonly Issue[]): string {
  return `${formatIssues(issues)}; correct it and apply it again`;
}

/** Reads one that is being deleted, whatever its spec holds. */
export function deletingObject(object: KubernetesObject): DeletingObject {
  const { generation, annotations = {} } = object.metadata;
  return {
    ...sourceObject(object),
    ...(generation === undefined ? {} : { generation }),
    isClaimed: isClaimed(object),
    ...confirmsOf(object),
    ...(annotations[KEEP_ANNOTATION] === "true" ? { keeps: true } : {}),
  };
}

function isClaimed({ metadata: { finalizers = [] } }: KubernetesObject): boolean {
  return finalizers.includes(FINALIZER);
}

function confirmsOf({ metadata: { annotations = {} } }: KubernetesObject): { confirms?: string } {
  const token = annotations[CONFIRM_ANNOTATION];
  return token === undefined ? {} : { confirms: token };
}

export function sourceObject({ metadata: { uid, name, namespace = "" } }: KubernetesObject): SourceObject {
  return { uid, namespace, name };
}
