// What a device says of itself, field by field, and the most that central programs take from it. No
// field decides anything about another device. docs/threats.md is made from this list
// (scripts/threat-table.ts), and tests compare it with what the programs read. `*` stands for each
// key of a map, and each entry of a list.

export interface Influence {
  /** Null: the operator does not read it. */
  readonly operator: string | null;
  /** Null: the command line does not read it. */
  readonly iot: string | null;
}

const SHOWN = "shown, as plain text";
const COUNTED = "how this device is counted in the Deployment's own status";
/** The device's own object, in a cluster. */
const OWN = "in the status of its own Device, as plain text";
const nobody: Influence = { operator: null, iot: null };
const shown: Influence = { operator: null, iot: SHOWN };
const inDevice: Influence = { operator: OWN, iot: null };

export const STATUS_INFLUENCE: Readonly<Record<string, Influence>> = {
  device: { operator: "a status that names another device is unreadable", iot: "the same" },
  agentVersion: { operator: OWN, iot: SHOWN },
  bootId: nobody,
  boot: { operator: "`DeviceIdInUse` of this device alone, while two are heard by turns", iot: "the same" },
  reportedAt: { operator: "the condition ClockWrong of its own Device", iot: "the age shown beside its own deployments" },
  statusIntervalSeconds: {
    operator: "when this device counts as offline: at most 3.3 days late",
    iot: "when this device is shown as offline: at most 3.3 days late",
  },
  manifestRevision: { operator: "marks of removals end in its own manifest", iot: null },
  "problem.reason": {
    operator: `a word in the condition of each Deployment that targets it, and of its own Device; ${COUNTED}`,
    iot: "shown, as a word",
  },
  "problem.message": { operator: "at most 1 KiB in the condition of each Deployment that targets it, and of its own Device", iot: SHOWN },
  "problem.since": nobody,
  // The border makes a report in `deployments` of each, whose influence stands there.
  "running.*": nobody,
  "deployments.*": {
    operator: `marks of removals end in its own manifest; ${COUNTED}`,
    iot: "a row of this device",
  },
  "deployments.*.phase": { operator: COUNTED, iot: "how its own row stands" },
  "deployments.*.reason": {
    operator: "a word in the condition of the Deployment, and of its own Device",
    iot: "shown, as a word; `NotNamed` makes its own row a problem",
  },
  "deployments.*.message": {
    operator: "at most 1 KiB in the condition of the Deployment, as one of ten groups, and in that of its own Device",
    iot: SHOWN,
  },
  "deployments.*.since": { operator: null, iot: "the age shown in its own row" },
  "deployments.*.desiredRevision": {
    operator: `what it says counts only at the revision that was written for it; ${COUNTED}`,
    iot: "how its own row stands",
  },
  "deployments.*.runningRevision": { operator: OWN, iot: SHOWN },
  "deployments.*.source": { operator: null, iot: "shown where no manifest names the deployment" },
  "deployments.*.generation": nobody,
  "deployments.*.services.*.name": shown,
  "deployments.*.services.*.phase": shown,
  "deployments.*.services.*.image": shown,
  "deployments.*.services.*.imageDigest": shown,
  "deployments.*.services.*.health": shown,
  "deployments.*.services.*.restarts": shown,
  "deployments.*.services.*.startedAt": shown,
};

export const INVENTORY_INFLUENCE: Readonly<Record<string, Influence>> = {
  device: { operator: "an inventory that names another device is unreadable", iot: null },
  agentVersion: nobody,
  bootId: inDevice,
  architecture: inDevice,
  "capabilities.*": inDevice,
  "labels.*": { operator: "`status.reportedLabels` of its own Device: no selector looks there", iot: null },
  "facts.*": inDevice,
  cpus: inDevice,
  memoryBytes: inDevice,
  "disks.*.path": { operator: "in the condition DiskPressure of its own Device", iot: null },
  "disks.*.bytes": inDevice,
  "disks.*.availableBytes": { operator: "the condition DiskPressure of its own Device", iot: null },
  temperatureLimit: nobody,
  "remote.*": inDevice,
};
