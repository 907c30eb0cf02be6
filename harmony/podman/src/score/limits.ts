// The limits of a PodmanV0: the one table that the schema takes its numbers from, and that
// docs/podman-v0.md shows (`npm run generate`). No real workload meets them. They bound the work
// before it is begun, since each check costs time in proportion to the Score.

interface Limit {
  readonly most: number;
  readonly of: string;
}

export const SCORE_LIMITS = {
  services: { most: 64, of: "services" },
  ports: { most: 256, of: "ports of a service" },
  env: { most: 1024, of: "variables of a service (`env`)" },
  volumes: { most: 256, of: "volumes of a service" },
  tmpfs: { most: 64, of: "tmpfs of a service" },
  files: { most: 64, of: "files of a service" },
  secrets: { most: 64, of: "secrets of a service" },
  devices: { most: 128, of: "devices of a service" },
  extraHosts: { most: 256, of: "`extraHosts` of a service" },
  dns: { most: 3, of: "name servers of a service (`dns`), as many as the C library asks" },
  aliases: { most: 64, of: "`aliases` of a service" },
  sysctls: { most: 64, of: "`sysctls` of a service" },
  groups: { most: 64, of: "groups of a service (`groupAdd`)" },
  capabilities: { most: 64, of: "entries of `capAdd`, and of `capDrop`" },
  words: { most: 1024, of: "words of `entrypoint`, of `command`, and of `healthcheck.test`" },
  textCharacters: { most: 65_536, of: "characters of such a word, and of a variable's value" },
  contentCharacters: { most: 131_072, of: "characters of a file's `content`" },
  pathCharacters: { most: 4096, of: "characters of a path" },
  nameCharacters: { most: 256, of: "characters of a variable's name, of `user`, and of the name of a device's label" },
  imageCharacters: { most: 512, of: "characters of `image`" },
  stopTimeoutSeconds: { most: 3600, of: "seconds of `stopTimeoutSeconds`" },
  healthcheckHours: { most: 24, of: "hours of a health check's `interval`, `timeout` and `startPeriod`" },
  busyHours: { most: 168, of: "hours of `busy.atMost`" },
  retries: { most: 1000, of: "`retries` of a health check" },
  gibibytes: { most: 1024, of: "Gi of `resources.memory`, of `shmSize` and of `logging.maxSize`" },
  pids: { most: 4_194_304, of: "processes (`resources.pids`), which is more than Linux has" },
} as const satisfies Readonly<Record<string, Limit>>;

export type Limits = (name: keyof typeof SCORE_LIMITS) => number;

export const limitOf: Limits = (name) => SCORE_LIMITS[name].most;

/**
 * For the Score in the label of a container, which was accepted once: it is read whatever the
 * limits are by now, so that a new limit makes no container anew.
 */
export const unlimited: Limits = () => Infinity;
