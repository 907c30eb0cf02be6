// The entry point for what runs on a device: without @nats-io/jetstream, which the bundled agent
// would carry for nothing.

export { type ConnectOptions, connectMessaging, type Messaging } from "./connection/connect.ts";
export { asCredential, type Credential, type CredentialSource, fixedCredentials, type UserAndPassword } from "./connection/credentials.ts";
export {
  type ConnectionSettings,
  type ConnectionState,
  type DisconnectedReason,
  explainConnectError,
} from "./connection/connection-state.ts";
export { type DeviceReader, type ManifestRead, openDeviceReader, type ScoreRead, type UnreadableReason } from "./stores/device-reader.ts";
export { MessagingError, type MessagingErrorCode } from "./connection/messaging-error.ts";
export {
  isStaleManifest,
  ManifestJudge,
  type ManifestVerdict,
  type ManifestVersion,
  TAKE_OLDER_AFTER_MS,
} from "./stores/stale-manifest.ts";
export { type HistoryWriter, openHistoryWriter } from "./stores/history-writer.ts";
export { openStatusWriter, type StatusWriter } from "./stores/status-writer.ts";
export { type Command, type CommandListener, listenForCommands } from "./sessions/listen-for-commands.ts";
