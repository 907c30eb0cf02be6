// What the server says of a bucket's stream unasked: another server leads it, or it was removed.
// Whoever may not hear it (permissions) learns the same from time-outs and silence, later.

import { type BucketName, streamName } from "@iot/contracts";
import type { Messaging } from "../connection/connect.ts";

export interface StreamListener {
  /** What was asked of the leader before is not answered any more. */
  readonly onLeader: () => void;
  readonly onDeleted: () => void;
}

/** The advisory of a new leader comes a moment before it takes requests. */
const LEADER_SETTLE_MS = 100;

/** Returns what ends it. */
export function hearAdvisories(messaging: Messaging, bucket: BucketName, { onLeader, onDeleted }: StreamListener): () => void {
  const subject = `$JS.EVENT.ADVISORY.STREAM.*.${streamName(bucket)}`;
  let settling: NodeJS.Timeout | undefined;
  messaging.mayBeRefused(subject);
  const subscription = messaging.connection.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) return;
      const [, , , , what] = message.subject.split(".");
      if (what === "DELETED") onDeleted();
      if (what !== "LEADER_ELECTED") return;
      clearTimeout(settling);
      settling = setTimeout(onLeader, LEADER_SETTLE_MS);
    },
  });
  return () => {
    clearTimeout(settling);
    if (!subscription.isClosed()) subscription.unsubscribe();
  };
}
