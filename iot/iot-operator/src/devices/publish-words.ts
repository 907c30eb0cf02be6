// Publishes to NATS what people say of devices in a source, whenever a reading says something else
// than the one before, so that whoever looks at a fleet knows the labels of its devices.

import { KeyedQueue, type Log } from "@harmony/runtime";
import type { DeviceId, SaidOfDevice } from "@iot/contracts";
import type { DeviceWordsStore } from "@iot/messaging";
import type { Source, SourceSnapshot } from "../sources/source.ts";

export interface PublishedWords {
  /** The source itself, of whose readings is heard here, too. */
  readonly source: Source;
  close(): Promise<void>;
}

export function publishWords(source: Source, { store, log }: { readonly store: DeviceWordsStore; readonly log: Log }): PublishedWords {
  let said: ReadonlyMap<DeviceId, SaidOfDevice> | null = null;
  const queue = new KeyedQueue<"words">({
    handle: async (_key, signal) => {
      if (said !== null) await store.put(source.id, said, signal);
      return null;
    },
    onError: (_key, error, retryAfterMs) => log.warn("failed to publish what people say of devices", { error, retryAfterMs }),
  });
  const take = <Snapshot extends SourceSnapshot | null>(snapshot: Snapshot): Snapshot => {
    const devices = snapshot?.kind === "complete" ? snapshot.devices : undefined;
    if (devices === undefined || devices === said) return snapshot;
    said = devices;
    queue.add("words");
    return snapshot;
  };
  const { recall } = source;
  return {
    source: {
      ...source,
      read: async (signal, followed) => take(await source.read(signal, followed)),
      ...(recall === undefined ? {} : { recall: () => take(recall()) }),
    },
    close: () => queue.close(),
  };
}
