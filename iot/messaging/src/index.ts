export {
  asCredential,
  type ConnectionState,
  connectMessaging,
  type ConnectOptions,
  type Credential,
  type CredentialSource,
  type DeviceReader,
  type DisconnectedReason,
  fixedCredentials,
  isStaleManifest,
  ManifestJudge,
  type ManifestRead,
  type ManifestVerdict,
  type ManifestVersion,
  type Messaging,
  MessagingError,
  type MessagingErrorCode,
  type DeviceAuditWriter,
  type HistoryWriter,
  openDeviceAudit,
  openDeviceReader,
  openHistoryWriter,
  openStatusWriter,
  type ScoreRead,
  type StatusWriter,
  TAKE_OLDER_AFTER_MS,
  type UnreadableReason,
  type UserAndPassword,
} from "./device.ts";
export { DISCONNECTED_REASONS, shownServers } from "./connection/connection-state.ts";
export { asMessagingError, MESSAGING_ERROR_CODES } from "./connection/messaging-error.ts";
export { STORE_REASONS } from "./stores/reasons.ts";
export { type Audit, openAudit, readAudit } from "./stores/audit.ts";
export { type DeviceWordsStore, openDeviceWords } from "./stores/device-words-store.ts";
export { type DocumentStore, openDocumentStore, type StoredText } from "./stores/document-store.ts";
export { readDeviceAudit, readDeviceHistory, readStatuses, type ToldTransition } from "./stores/device-history.ts";
export type { Told, ToldQuery, ToldRead } from "./stores/read-told.ts";
export { type KnownDevice, type KnownDevices, openKnownDevices } from "./stores/known-devices.ts";
export {
  type DevicesReading,
  type FleetReading,
  readAuditAsPerson,
  readDevicesAsPerson,
  readFleetAsPerson,
} from "./stores/read-as-person.ts";
export { purgeOldMarkers } from "./stores/old-markers.ts";
export { ensureToldStreams } from "./stores/told-streams.ts";
export { askOperators, type Asked, serveOperatorRequests } from "./stores/operator-requests.ts";
export { NO_RECORD, openSourceRecords, type Recorded, sourceKey, type SourceRecord, type SourceRecords } from "./stores/source-records.ts";
export { type DesiredStateStore, openDesiredState, readManifests, type WriteResult } from "./stores/desired-state-store.ts";
export type { DesiredStateSnapshot, DesiredStateView } from "./stores/desired-state-view.ts";
export {
  type InventoryEntry,
  type InventoryStore,
  openInventoryStore,
  openStatusStore,
  type StatusEntry,
  type StatusStore,
} from "./stores/status-store.ts";
export { DeviceAsker, type Question } from "./sessions/ask-device.ts";
export { type Ended, type Incoming, SessionEnd, SessionEnded } from "./sessions/session-end.ts";
