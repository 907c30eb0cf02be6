export { AUDIT, BUCKETS, type BucketName, type BucketSettings, PAYLOAD_LIMIT_BYTES } from "./buckets.ts";
export {
  API_GROUP,
  API_VERSION,
  Condition,
  DEPLOYMENT_KIND,
  Deployment,
  DeploymentAggregate,
  DeploymentSpec,
  DeploymentStatus,
  FailureGroup,
} from "./documents/deployment.ts";
export { MESSAGE_CHARACTERS, readInventory, readStatus } from "./documents/heard.ts";
export { DeviceInventory } from "./documents/inventory.ts";
export { emptyManifest, Manifest, ManifestEntry, RemovalMark } from "./documents/manifest.ts";
export {
  AuditEvent,
  OPERATOR_VERBS,
  OperatorAnswer,
  OperatorRequest,
  type OperatorVerb,
  operatorSubject,
} from "./documents/operator-verbs.ts";
export { changedOnTheWay, SCORE_LIMIT_BYTES, Score, scoreString } from "./documents/score.ts";
export {
  HeldDeployment,
  LostDeployment,
  RECORDED_FOR_MS,
  RemovedDeployment,
  SourceRemovals,
  SourceState,
} from "./documents/source-record.ts";
export { DeploymentReport, DeviceStatus, OFFLINE_AFTER_MS, offlineAfterMs, STATUS_EVERY_MS } from "./documents/status.ts";
export {
  asDeploymentName,
  asDeviceId,
  deviceOfKey,
  directGetSubject,
  keys,
  type DeploymentName,
  type DeviceId,
  notifySubject,
  scoreKeyParts,
  streamName,
  subjects,
} from "./subjects.ts";
