// What people say of devices (bucket `devices`), as each operator has it of its source. A document
// that cannot be read counts as none, and is written over.

import { canonicalJson, parseJson } from "@harmony/schema";
import { BUCKETS, type DeviceId, deviceOfKey, DeviceWords, type SaidOfDevice } from "@iot/contracts";
import type { BucketOptions } from "../buckets/ensure-bucket.ts";
import type { Messaging } from "../connection/connect.ts";
import { openDocumentStore } from "./document-store.ts";
import { sourceKey } from "./source-records.ts";

export interface DeviceWordsStore {
  /** All that any source says, by device. @throws MessagingError, or the signal's reason. */
  list(signal: AbortSignal): Promise<ReadonlyMap<DeviceId, readonly DeviceWords[]>>;
  /** Writes what one source says, and takes out what it no longer does. @throws MessagingError */
  put(source: string, words: ReadonlyMap<DeviceId, SaidOfDevice>, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const LIMITS = { bytes: BUCKETS.devices.maxValueBytes };
/** In flight together. */
const AT_ONCE = 100;

/** Makes the bucket when it is missing, and resolves when it was read. @throws MessagingError */
export async function openDeviceWords(
  messaging: Messaging,
  options: BucketOptions & { readonly signal: AbortSignal },
): Promise<DeviceWordsStore> {
  const store = await openDocumentStore(messaging, { ...options, bucket: "devices" });
  return {
    list: async (signal) => byDevice([...(await store.list(signal))].map(([key, { text }]) => [key, text])),
    put: async (source, words, signal) => {
      const prefix = `${sourceKey(source)}.`;
      const standing = await store.list(signal);
      const keys = new Set([
        ...[...standing.keys()].filter((key) => key.startsWith(prefix)),
        ...[...words.keys()].map((device) => prefix + device),
      ]);
      const writes = [...keys].flatMap((key) => {
        const device = deviceOf(key);
        const wanted = device === null ? undefined : words.get(device);
        const { revision = 0, text = null } = standing.get(key) ?? {};
        const document = wanted === undefined ? null : documentOf(source, wanted);
        if (document === null) return text === null ? [] : [() => store.remove(key, revision)];
        return isSame(wordsOf(text), document) ? [] : [() => store.put(key, document, revision)];
      });
      // A conflict is another operator of this source, which writes the same.
      for (let at = 0; at < writes.length; at += AT_ONCE) await Promise.all(writes.slice(at, at + AT_ONCE).map((write) => write()));
    },
    close: () => store.close(),
  };
}

/** The bucket's keys with their texts; null: a marker. */
export function byDevice(entries: readonly (readonly [key: string, text: string | null])[]): Map<DeviceId, DeviceWords[]> {
  const all = new Map<DeviceId, DeviceWords[]>();
  for (const [key, text] of entries) {
    const [device, words] = [deviceOf(key), wordsOf(text)];
    if (device === null || words === null) continue;
    const known = all.get(device);
    if (known === undefined) all.set(device, [words]);
    else known.push(words);
  }
  return all;
}

function deviceOf(key: string): DeviceId | null {
  return deviceOfKey(key.slice(key.indexOf(".") + 1));
}

function wordsOf(text: string | null): DeviceWords | null {
  const parsed = text === null || text === "" ? null : parseJson(DeviceWords, text, LIMITS);
  return parsed?.ok === true ? parsed.value : null;
}

function documentOf(source: string, { labels, displayName, allowedNamespaces }: SaidOfDevice): DeviceWords {
  return {
    source,
    labels: { ...labels },
    ...(displayName === undefined ? {} : { displayName }),
    ...(allowedNamespaces === undefined ? {} : { allowedNamespaces: [...allowedNamespaces] }),
  };
}

function isSame(a: DeviceWords | null, b: DeviceWords): boolean {
  return a !== null && canonicalJson(a) === canonicalJson(b);
}
