export { IOT_AGENT } from "./application.ts";
export { AUDIT, AUDIT_OF_IDENTITIES, BUCKETS, type BucketName, type BucketSettings, PAYLOAD_LIMIT_BYTES } from "./documents/buckets.ts";
export { CAPABILITIES, type Capability } from "./capabilities.ts";
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
export { DeviceWords, type SaidOfDevice } from "./documents/device-words.ts";
export { Device, DEVICE_KIND, DeviceLabels, DeviceObjectStatus, DeviceSpec } from "./documents/device.ts";
export {
  COMMAND_LIMIT_BYTES,
  COMMAND_VERBS,
  CommandRequest,
  type CommandVerb,
  DeploymentRequest,
  EndedSessions,
  EndRequest,
  ExecRequest,
  ForwardRequest,
  HoldCommand,
  LOG_TAIL_MOST,
  LogLine,
  LogsRequest,
  OpenSessions,
  Pong,
  RequestInfo,
  SessionStatus,
  TerminalSize,
} from "./commands.ts";
export { MESSAGE_CHARACTERS, readDeviceAuditEvent, readHistoryEvent, readInventory, readStatus } from "./heard.ts";
export { INVENTORY_INFLUENCE, type Influence, STATUS_INFLUENCE } from "./influence.ts";
export { DEVICE_AUDIT, DeviceAuditEvent } from "./documents/device-audit.ts";
export { DEVICE_HISTORY, HISTORY_BURST, HistoryEvent, Trace } from "./documents/history.ts";
export { DeviceDisk, DeviceInventory } from "./documents/inventory.ts";
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
export {
  DeploymentReport,
  DeviceStatus,
  OFFLINE_AFTER_MS,
  offlineAfterMs,
  READER_REASONS,
  shownBoot,
  STATUS_EVERY_MS,
  STATUSES_PER_BOOT,
  UNREADABLE_PHASE,
} from "./documents/status.ts";
export {
  DEVICE_RIGHTS,
  devicePermissions,
  type DeviceRight,
  deviceSubjectsOfBuckets,
  PEOPLE_ACCOUNT,
  type Permissions,
  personInbox,
  infoSubject,
  operatorVerbsOf,
  servicesOfPeople,
  personPermissions,
  type Role,
  ROLES,
  ROLE_VERBS,
  sharedPermissions,
  type SubjectMapping,
  subjectsOfPeople,
  toldSubjects,
} from "./permissions.ts";
export {
  Done,
  HeldUntil,
  HistoryEntry,
  HOLD_MAX_SECONDS,
  HoldRequest,
  LOCAL_SOCKET_NAME,
  LocalConnection,
  LocalExplanation,
  LocalHistory,
  LocalRefreshed,
  LocalStatus,
  Refused,
  Released,
} from "./local-api.ts";
export {
  asDeploymentName,
  asDeviceId,
  bucketSubjects,
  commandSubject,
  deviceAuditSubject,
  deviceOfKey,
  type DeviceSubjects,
  directGetSubject,
  historySubject,
  keys,
  type DeploymentName,
  type DeviceId,
  notifySubject,
  ownSubjects,
  readSubjects,
  scoreKeyParts,
  sessionInputSubject,
  streamName,
  subjects,
} from "./subjects.ts";
