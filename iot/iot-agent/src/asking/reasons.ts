// Every reason for which a person's question is not answered, beside those of what was asked for
// (UNABLE_REASONS of @harmony/core). A word that is not in the list does not compile.

export const ASKING_REASONS = [
  "UnknownCaller",
  "UnknownVerb",
  "NotPermitted",
  "SharedCredential",
  "TooManySessions",
  "AuditUnavailable",
  "AgentStopping",
  "EndedByPerson",
  "Failed",
] as const;

export type AskingReason = (typeof ASKING_REASONS)[number];
