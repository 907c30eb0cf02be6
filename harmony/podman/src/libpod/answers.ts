// The shapes of libpod's answers, as far as they are used. A field that a version may leave out
// gets the value that its absence means.

import * as z from "zod/mini";

const textMap = z.catch(z.record(z.string(), z.string()), {});

export const ListedContainer = z.looseObject({
  Id: z.string(),
  Names: z.array(z.string()),
  Image: z.catch(z.string(), ""),
  ImageID: z.catch(z.string(), ""),
  State: z.string(),
  Created: z.catch(z.string(), ""),
  /** The health status; empty without a health check. */
  Status: z.catch(z.string(), ""),
  ExitCode: z.catch(z.number(), 0),
  Restarts: z.catch(z.number(), 0),
  /** Seconds since the epoch; below zero: never. */
  StartedAt: z.catch(z.number(), -1),
  ExitedAt: z.catch(z.number(), -1),
  Labels: textMap,
  Ports: z.catch(
    z.nullable(
      z.array(
        z.looseObject({
          host_ip: z.catch(z.string(), ""),
          host_port: z.number(),
          range: z.catch(z.number(), 1),
          protocol: z.catch(z.string(), "tcp"),
        }),
      ),
    ),
    null,
  ),
});
export type ListedContainer = z.output<typeof ListedContainer>;

const HealthLog = z.catch(z.array(z.looseObject({ End: z.string(), ExitCode: z.number(), Output: z.catch(z.string(), "") })), []);

export const InspectedContainer = z.looseObject({
  Name: z.string(),
  State: z.looseObject({
    Status: z.catch(z.string(), ""),
    /** Of its process 1, as the host counts; 0: none runs. */
    Pid: z.catch(z.number(), 0),
    StoppedByUser: z.catch(z.boolean(), false),
    /** The last runs of its health check, the oldest first. */
    Health: z.catch(z.looseObject({ Log: HealthLog }), { Log: [] }),
  }),
  Config: z.catch(z.looseObject({ StopSignal: z.catch(z.union([z.string(), z.number()]), "") }), { StopSignal: "" }),
  Mounts: z.catch(z.array(z.looseObject({ Type: z.string(), Name: z.catch(z.string(), ""), Destination: z.catch(z.string(), "") })), []),
});
export type InspectedContainer = z.output<typeof InspectedContainer>;

/** A missing field makes the answer invalid, since a namespace that no container has is removed. */
export const Networked = z.looseObject({
  NetworkSettings: z.looseObject({ SandboxKey: z.string() }),
  HostConfig: z.looseObject({ NetworkMode: z.string() }),
});

export const Image = z.looseObject({
  Id: z.string(),
  Digest: z.catch(z.string(), ""),
  RepoTags: z.catch(z.array(z.string()), []),
  /** As Go names it; empty: the image does not say. */
  Architecture: z.catch(z.string(), ""),
  Config: z.catch(z.looseObject({ Volumes: z.catch(z.record(z.string(), z.unknown()), {}) }), { Volumes: {} }),
});
export type Image = z.output<typeof Image>;

export const ListedImage = z.looseObject({
  Id: z.string(),
  /** Its references; none for an image whose tag another has taken. */
  RepoTags: z.catch(z.array(z.string()), []),
  /** The size, with the layers that it shares with other images. */
  Size: z.catch(z.number(), 0),
  /** The number of containers made from it, running or not, anyone's. */
  Containers: z.catch(z.number(), 0),
});
export type ListedImage = z.output<typeof ListedImage>;

export const Info = z.looseObject({
  host: z.looseObject({
    arch: z.string(),
    cgroupControllers: z.catch(z.array(z.string()), []),
    kernel: z.catch(z.string(), ""),
    distribution: z.catch(z.looseObject({ distribution: z.string(), version: z.string() }), { distribution: "", version: "" }),
    memTotal: z.catch(z.number(), 0),
    cpus: z.catch(z.number(), 0),
    rootlessNetworkCmd: z.catch(z.string(), ""),
    cgroupVersion: z.catch(z.string(), ""),
    cgroupManager: z.catch(z.string(), ""),
    security: z.catch(z.looseObject({ rootless: z.boolean() }), { rootless: false }),
  }),
  /** The folder of images and containers. */
  store: z.looseObject({ graphRoot: z.string(), graphDriverName: z.catch(z.string(), "") }),
  version: z.looseObject({ Version: z.string() }),
});
export type Info = z.output<typeof Info>;

export const Named = z.looseObject({ Name: z.string(), Labels: textMap });
export type Volume = z.output<typeof Named>;

export const ListedVolume = z.looseObject({
  Name: z.string(),
  Labels: textMap,
  CreatedAt: z.catch(z.string(), ""),
  /** Podman has made up its name. */
  Anonymous: z.catch(z.boolean(), false),
});
export type ListedVolume = z.output<typeof ListedVolume>;

export const DiskUse = z.looseObject({
  Volumes: z.catch(z.array(z.looseObject({ VolumeName: z.string(), Size: z.number() })), []),
});

// In lower case in 4.x and later, in upper case on some paths of 4.0.
export const Network = z.looseObject({ name: z.string(), labels: textMap });
export type Network = z.output<typeof Network>;

export const Secret = z.looseObject({ Spec: z.looseObject({ Name: z.string() }) });
export type Secret = z.output<typeof Secret>;

export const PullLine = z.looseObject({
  /** The id of the layer (or configuration) that the line is about; cut short. */
  id: z.optional(z.string()),
  status: z.optional(z.string()),
  progressDetail: z.catch(z.looseObject({ current: z.optional(z.number()), total: z.optional(z.number()) }), {}),
  error: z.optional(z.string()),
});
export type PullLine = z.output<typeof PullLine>;

export const LoadedImages = z.looseObject({ Names: z.catch(z.array(z.string()), []) });

const ByLayer = z.catch(z.nullable(z.record(z.string(), z.unknown())), null);
export const StorageCheck = z.looseObject({
  Errors: z.boolean(),
  RemovedLayers: ByLayer,
  RemovedImages: ByLayer,
  RemovedContainers: ByLayer,
});
export type StorageCheck = z.output<typeof StorageCheck>;

export const Event = z.looseObject({
  Type: z.string(),
  Action: z.string(),
  Actor: z.looseObject({ Attributes: textMap }),
});
export type Event = z.output<typeof Event>;
