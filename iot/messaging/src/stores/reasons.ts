// The reasons that this package gives beside the codes of its error and those of a connection that
// is lost.

export const STORE_REASONS = ["InvalidManifest", "InvalidScore", "NoticeFlood", "CommandFlood"] as const;

export type StoreReason = (typeof STORE_REASONS)[number];
