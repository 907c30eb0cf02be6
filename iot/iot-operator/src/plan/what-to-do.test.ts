// The promise of docs/runbooks/card.md, for what the operator says of removals, owners and objects.

import { asDeploymentName, asDeviceId, SCORE_LIMIT_BYTES } from "@iot/contracts";
import { expect, test } from "vitest";
import { refusalText } from "../apply/apply.ts";
import { readDeployment } from "../sources/kubernetes/read-deployment.ts";
import { otherCluster } from "./ownership.ts";
import { EMPTY_RECORD } from "./removals/record.ts";
import { heldObjectText, heldText, lostText } from "./removals/words.ts";

const entry = { device: asDeviceId("pi-1"), name: asDeploymentName("hello"), namespace: "default", uid: "u" };
const held = [{ ...entry, atMs: 0, how: "edit" as const, why: "default/hello does not list this device" }];
const lost = [{ ...entry, reason: "NotSeenDeleted", why: "its deletion was not seen" }];
const state = { id: "kubernetes", clusterUid: "a", version: null, problem: null, readableSince: null, lastSeen: "2026-01-01T00:00:00Z" };

function refused(name: string, spec: object): string {
  const read = readDeployment({
    apiVersion: "iot.nationtech.io/v1alpha1",
    kind: "Deployment",
    metadata: { uid: "u", name, resourceVersion: "1" },
    spec,
  });
  return read.ok ? "" : read.refused.message;
}

const score = (text: string): object => ({ targetDevices: ["pi-1"], score: { type: "PodmanV0", data: { text } } });

test.each([
  ["RemovalHeld, of a source", heldText({ ...EMPTY_RECORD, held })],
  ["RemovalHeld, of an object", heldObjectText(held, held)],
  ["RemovalLost", lostText({ ...EMPTY_RECORD, lost })],
  ["OtherCluster", otherCluster({ id: "kubernetes", clusterUid: "b" }, state)],
  ["ManifestTooLarge", refusalText({ refused: [entry.device], whyRefused: "the manifest of pi-1 is larger than the bucket takes" })],
  ["InvalidName", refused("hello.world", score("x"))],
  ["InvalidSpec", refused("hello", { targetDevices: ["pi-1", "pi-1"] })],
  ["ScoreTooLarge", refused("hello", score("x".repeat(SCORE_LIMIT_BYTES)))],
])("%s says what to do", (_reason, text) => {
  expect(text).toMatch(
    /\biot (?:confirm|keep|adopt) |: let pi-1 |\bdelete this one and apply|; correct it and apply it|: move large files|: give /i,
  );
});
