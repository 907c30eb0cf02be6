// What the server says unasked of a bucket's stream: another server leads it. Without the right
// to hear that, time-outs show the same, later. That a stream was removed is said too,
// and not followed: one that is made anew at that moment takes no writes (2.15).

import { type BucketName, streamName } from "@iot/contracts";
import type { Messaging } from "../connection/connect.ts";

/** The advisory of a new leader comes a moment before it takes requests. */
const LEADER_SETTLE_MS = 100;

/** What was asked of the leader before is not answered any more. Returns what ends it. */
export function onLeaderElected(messaging: Messaging, bucket: BucketName, callback: () => void): () => void {
  const subject = `$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.${streamName(bucket)}`;
  let settling: NodeJS.Timeout | undefined;
  messaging.mayBeRefused(subject);
  const subscription = messaging.connection.subscribe(subject, {
    callback: (error) => {
      if (error !== null) return;
      clearTimeout(settling);
      settling = setTimeout(callback, LEADER_SETTLE_MS);
    },
  });
  return () => {
    clearTimeout(settling);
    if (!subscription.isClosed()) subscription.unsubscribe();
  };
}
