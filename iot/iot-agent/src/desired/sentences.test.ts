// The promise of docs/runbooks/card.md, for each reason that the agent gives itself.

import { clausesOf } from "@harmony/core";
import { expect, test } from "vitest";
import type { Reason } from "./reasons.ts";
import * as sentences from "./sentences.ts";

/** Null: it is as it should be, or on its way. A reason that is missing does not compile. */
const SENTENCES: Readonly<Record<Reason, readonly string[] | null>> = {
  Pending: null,
  Removed: null,
  InvalidScore: [sentences.unreadableScore("services[0].image: expected a reference, found 1")],
  UnknownScoreType: [sentences.unknownScoreType("PodmanV1", "PodmanV0")],
  ScoreNotAtRevision: [sentences.scoreNotAtRevision(null, 3), sentences.scoreNotAtRevision(2, 3)],
  NotNamed: [undefined, "pi-old"].map((was) => sentences.whyItStays({ name: "hello", was })),
  RemovedBefore: [sentences.wasRemovedBefore("hello", "2026-06-01T12:00:00Z")],
  TopologyUnavailable: [sentences.notSeen("connect ENOENT"), sentences.faultOf("failed to list containers: write EPIPE")],
  NoManifest: [sentences.noManifest("pi-1")],
  StaleManifest: [sentences.staleManifest({ read: 3, inForce: 7, takenInMs: 60_000 })],
  StateNotSaved: [sentences.stateNotSaved("EROFS: read-only file system", "/var/lib/iot-agent")],
  DeviceIdInUse: [sentences.deviceIdInUse({ device: "pi-1", others: "a", own: "b" })],
  StatusTooLarge: [sentences.statusTooLarge(115, 64)],
};

const said = Object.entries(SENTENCES).flatMap(([reason, texts]) => (texts ?? []).map((text) => ({ reason, text })));

test.each(said)("$reason says what to do: $text", ({ text }) => {
  expect(clausesOf(text)).not.toMatchObject({ todo: null });
});

test.each([
  ["NoManifest", "/etc/iot-agent/config.toml"],
  ["StateNotSaved", "/var/lib/iot-agent"],
] as const)("%s names the file", (reason, file) => {
  expect(SENTENCES[reason]?.join()).toContain(file);
});
