// The devices of a fleet, read once: what each reported, what it is to run, what it says that it
// is, and what people say of it. An operator of 0.1 has no bucket `devices`.

import { UserError } from "@harmony/runtime";
import { judgeDevice, NATURAL, shownDevice, type ShownDevice } from "@iot/fleet";
import {
  type DesiredStateSnapshot,
  type DevicesReading,
  type InventoryEntry,
  type Messaging,
  openDeviceWords,
  openInventoryStore,
  openStatusStore,
  readDevicesAsPerson,
  readManifests,
  type StatusEntry,
} from "@iot/messaging";
import { type NatsAccess, SILENT, withNats } from "../command-line/nats.ts";
import { bucketProblem } from "./read-fleet.ts";

export interface DevicesRead {
  readonly devices: readonly ShownDevice[];
  readonly statuses: readonly StatusEntry[];
  readonly manifests: DesiredStateSnapshot["manifests"];
}

/** In natural order. @throws UserError, with the sentence for the person. */
export async function readDevices(access: NatsAccess, signal: AbortSignal): Promise<DevicesRead> {
  return withNats(access, signal, async (messaging, reading) => {
    const { manifests, statuses, inventories, words } =
      (await readDevicesAsPerson(messaging, reading)) ?? (await readBuckets(messaging, reading));
    const heard = new Map(statuses.map((entry) => [entry.device, entry]));
    const said = new Map(inventories.map((entry: InventoryEntry) => [entry.device, entry.inventory]));
    const meant = [...manifests].flatMap(([device, { isGone }]) => (isGone === true ? [] : [device]));
    const ids = [...new Set([...meant, ...heard.keys(), ...said.keys(), ...words.keys()])].toSorted(NATURAL.compare);
    const devices = ids.map((device) => {
      const entry = heard.get(device) ?? null;
      const judged = judgeDevice(device, manifests.get(device)?.manifest ?? null, entry);
      return shownDevice(device, { judged, heard: entry, inventory: said.get(device) ?? null, words: words.get(device) ?? [] });
    });
    return { devices, statuses, manifests };
  });
}

/** For a user of the operator's account. */
async function readBuckets(messaging: Messaging, signal: AbortSignal): Promise<Omit<DevicesReading, "nowMs">> {
  const log = SILENT;
  for (const bucket of ["desired-state", "status"] as const) {
    const problem = await bucketProblem(messaging, bucket);
    if (problem !== null) throw new UserError(problem.message);
  }
  const [manifests, statuses, inventories, words] = await Promise.all([
    readManifests(messaging, { log }, signal),
    openStatusStore(messaging, { log }).then((store) => store.list(signal)),
    whereThere(messaging, "inventory", [], async () => (await openInventoryStore(messaging, { log })).list(signal)),
    whereThere(messaging, "devices", new Map(), async () => {
      const store = await openDeviceWords(messaging, { log, signal });
      const listed = await store.list(signal);
      await store.close();
      return listed;
    }),
  ]);
  return { manifests, statuses, inventories, words };
}

/** The command line makes no bucket. */
async function whereThere<Read>(
  messaging: Messaging,
  bucket: "inventory" | "devices",
  nothing: Read,
  read: () => Promise<Read>,
): Promise<Read> {
  return (await bucketProblem(messaging, bucket))?.code === 404 ? nothing : read();
}
