export {
  type ConnectionState,
  connectMessaging,
  type ConnectOptions,
  type DeviceReader,
  type DisconnectedReason,
  isStaleManifest,
  ManifestJudge,
  type ManifestRead,
  type ManifestVerdict,
  type ManifestVersion,
  type Messaging,
  MessagingError,
  type MessagingErrorCode,
  openDeviceReader,
  openStatusWriter,
  type ScoreRead,
  type StatusWriter,
  TAKE_OLDER_AFTER_MS,
  type UnreadableReason,
} from "./device.ts";
export { type DesiredStateSnapshot, type DesiredStateStore, openDesiredState, type WriteResult } from "./desired-state-store.ts";
export { type InventoryEntry, type InventoryStore, openInventoryStore, openStatusStore, type StatusEntry, type StatusStore } from "./status-store.ts";
