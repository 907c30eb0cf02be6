// The buckets, with the settings that the platform relies on. messaging creates missing buckets and
// names a setting that breaks us. docs/architecture.md gives the reason for each setting, which was
// measured (transport.md of the design).

/** The server's default `max_payload`. */
export const PAYLOAD_LIMIT_BYTES: number = 1024 * 1024;

export interface BucketSettings {
  /** A bucket with this text was made by us, and is brought to our limit. */
  readonly description: string;
  readonly history: number;
  /**
   * The stream may purge by roll-up. It must be false wherever a device writes, or `Nats-Rollup:
   * all` on one status purges everybody's.
   */
  readonly allowRollup: boolean;
  readonly republish: { readonly from: string; readonly to: string } | null;
  /**
   * The server refuses a larger value, and nobody reads it. Where a device writes, it is what 200
   * deployments need, and a reader can bear.
   */
  readonly maxValueBytes: number;
}

/** The last two are in the account AUTH, which the operator does not reach. */
export type BucketName = "desired-state" | "status" | "inventory" | "sources" | "devices" | "grants" | "enrolments";

export const BUCKETS: Readonly<Record<BucketName, BucketSettings>> = {
  "desired-state": {
    description: "what each device should run: <device> is its manifest, <device>.<deployment> a Score",
    history: 1,
    allowRollup: true,
    republish: { from: "$KV.desired-state.*", to: "notify.desired-state.{{wildcard(1)}}" },
    maxValueBytes: 512 * 1024,
  },
  status: {
    description: "what each device is doing: <device>",
    history: 1,
    allowRollup: false,
    republish: null,
    maxValueBytes: 64 * 1024,
  },
  inventory: {
    description: "facts of each device: <device>",
    history: 1,
    allowRollup: false,
    republish: null,
    maxValueBytes: 32 * 1024,
  },
  sources: {
    description: "what each operator follows, and what it removed, holds and lost: <10 letters of its id>.state and .removals",
    history: 1,
    allowRollup: false,
    republish: null,
    maxValueBytes: PAYLOAD_LIMIT_BYTES - 1024,
  },
  devices: {
    description: "what people say of each device: <10 letters of a source's id>.<device>",
    history: 1,
    allowRollup: false,
    republish: null,
    // A thousand namespaces, and as many labels as an object of Kubernetes bears.
    maxValueBytes: 256 * 1024,
  },
  grants: {
    description: "what each device is permitted: <device>, and the keys of who issues its tokens: _issuer",
    history: 1,
    allowRollup: false,
    republish: null,
    maxValueBytes: 16 * 1024,
  },
  enrolments: {
    description: "who asks to be a device, and how: request.<code>, device.<id>, bootstrap.<name>, code.<digest>, person.<name>",
    history: 1,
    allowRollup: false,
    republish: null,
    maxValueBytes: 64 * 1024,
  },
};

/** The stream of what people and operators did. */
export const AUDIT = { stream: "audit", subjects: ["audit.>"], maxAgeDays: 400, maxBytes: 1024 * 1024 * 1024 } as const;
/** What people did with identities, by the device: of the same stream. */
export const AUDIT_OF_IDENTITIES = "audit.identity.*";
