// What a device has no counterpart for, and what a person does about it: a sentence for each word
// of Compose.

import { lookUp } from "@harmony/schema";

const TOP: Readonly<Record<string, string>> = {
  networks:
    "is not taken over: the services of a deployment share one network; put those that must not see each other into deployments of their own",
  include: "is not taken over: convert each of these files too, and put their services here",
  models: "is not taken over: run the model as a service of its own, or reach it by its address",
};

const SERVICE: Readonly<Record<string, string>> = {
  depends_on:
    "is not taken over: services start together; make each wait for what it needs (with restart: always it is started again until that is there)",
  networks:
    "is not taken over: the services of a deployment share one network and find each other by name; write the name where an address stands",
  profiles: "is not taken over: the service is part of the deployment; leave it out where it should not be",
  privileged: "is refused: a container with all rights is the device; name what it needs (devices, capAdd)",
  extends: "is not taken over: write what it extends into the service",
  labels: "is not taken over: nothing reads them on a device; give the program what it needs of them as env",
  annotations: "is not taken over: nothing reads them on a device; leave them out",
  stdin_open: "is not taken over: nobody types into a device's container; leave it out, or give the program its input in a file",
  tty: "is not taken over: a device's container has no terminal; leave it out, or run the program in its mode without one",
  scale: "is not taken over: there is one container for each service and device; write the service twice, under two names",
  mac_address: "is not taken over: rootless Podman gives the address; leave it out, or license the program by something else",
  platform: "is not taken over: a device takes the image for its own processor; push the image for that one",
  pid: "is not taken over: a container sees its own processes alone; run what must see those of the device as a systemd service",
  ipc: "is not taken over: a container shares no memory with others; put the programs that share it into one image",
  uts: "is not taken over: a container has a host name of its own; write hostname",
  userns_mode: "is not taken over: rootless Podman maps the users; leave it out, and write user",
  cgroup: "is not taken over: a container has a cgroup of its own; write its limits as resources",
  cgroup_parent: "is not taken over: the agent places the containers; write the limits as resources",
  runtime: "is not taken over: a device has one runtime; name the nodes that the program needs in devices",
  gpus: "is not taken over: name the nodes of the GPU in devices (/dev/dri …)",
  volumes_from: "is not taken over: name the same volumes in this service, too",
  external_links: "is not taken over: a deployment does not see containers of others; publish a port there, and name the device's address",
  domainname: "is not taken over: write the whole name in hostname",
  dns_search: "is not taken over: write whole names where hosts are named",
  dns_opt: "is not taken over: set these options in resolv.conf on the device",
  mem_reservation: "is not taken over: a device reserves no memory; write a limit, resources.memory, for the others",
  memswap_limit: "is not taken over: swap is the device's to have; switch it off there if it must not be used",
  mem_swappiness: "is not taken over: set vm.swappiness on the device",
  oom_score_adj: "is not taken over: rootless Podman cannot set it; write resources.memory, so that the right one ends",
  oom_kill_disable: "is not taken over: rootless Podman cannot set it; write a larger resources.memory",
  cpu_shares: "is not taken over: write a limit, resources.cpus",
  cpu_quota: "is not taken over: write it as resources.cpus, the quota divided by the period",
  cpu_period: "is not taken over: write it as resources.cpus, the quota divided by the period",
  cpu_count: "is not taken over: write it as resources.cpus",
  cpu_percent: "is not taken over: write it as resources.cpus",
  cpuset: "is not taken over: write how much it may have as resources.cpus",
  cpu_rt_runtime: "is not taken over: rootless Podman cannot give real-time priority; run that program as a systemd service",
  cpu_rt_period: "is not taken over: rootless Podman cannot give real-time priority; run that program as a systemd service",
  device_cgroup_rules: "is not taken over: name the nodes that it needs in devices",
  storage_opt: "is not taken over: write what it stores into a volume",
  blkio_config: "is not taken over: set such limits on the device",
  isolation: "is not taken over: it is for Windows; leave it out",
  develop: "is not needed: it is for the desk; leave it out",
  attach: "is not needed: the log is in the device's journal; leave it out",
  post_start: "is not taken over: put these commands into the image's start script",
  pre_stop: "is not taken over: have the program do it when it gets its stop signal",
  credential_spec: "is not taken over: it is for Windows; leave it out",
  provider: "is not taken over: run what it provides as a service of its own, or reach it by its address",
};

const NESTED: Readonly<Record<string, string>> = {
  start_interval: "is not taken over: the check has one interval; set startPeriod so long that the start is within it",
  "max-file": "is not taken over: there is one file of at most maxSize; make it so large that it has all you need",
  reservations: "is not taken over: a device reserves nothing; write limits for the others",
  placement: "is not taken over: name the devices in targetDevices",
  update_config: "is not taken over: a device tries a new version and goes back by itself; leave it out",
  rollback_config: "is not taken over: a device tries a new version and goes back by itself; leave it out",
  endpoint_mode: "is not taken over: there is one container for each service; leave it out",
  labels: "is not taken over: nothing reads them on a device; leave them out",
  delay: "is not taken over: the agent waits longer after each failure; leave it out",
  window: "is not taken over: the agent counts the failures itself; leave it out",
  max_attempts: "is not taken over: only on-failure counts tries; write restart: on-failure:N",
  app_protocol: "is not needed: leave it out",
  name: "is not taken over: the volume is this deployment's own, and begins empty; copy into it what the other has",
  external: "is not taken over: the volume is this deployment's own, and begins empty; copy into it what the other has",
  driver: "is not taken over: a volume lies on the device's disk; mount anything else on the device, and name its path",
  driver_opts: "is not taken over: a volume lies on the device's disk; mount anything else on the device, and name its path",
  bind: "is not taken over: a path has to be there; make it on the device",
  volume: "is not taken over: a volume begins with what the image has at its place; leave it out, or put what is needed there",
  consistency: "is not needed: leave it out",
  mode: "is not taken over: every user in the container can read it, and nobody can write it; run the program as a user to whom that is enough",
  uid: "is not taken over: every user in the container can read it; leave it out",
  gid: "is not taken over: every user in the container can read it; leave it out",
};

const PORT: Readonly<Record<string, string>> = {
  mode: "is not needed: a port is the device's own; leave it out",
  name: "is not needed: leave it out",
};

const UNKNOWN = "is not taken over: a Score has no such field; leave it out, and see whether the service does without it";

export function whyNotAtTop(key: string): string {
  return lookUp(TOP, key) ?? UNKNOWN;
}

export function whyNotInService(key: string): string {
  return lookUp(SERVICE, key) ?? UNKNOWN;
}

/** Of a member of what stands at this path, below a service or a volume. */
export function whyNotWithin(key: string, path: string): string {
  return (/\.ports\[\d+\]$/.test(path) ? lookUp(PORT, key) : undefined) ?? lookUp(NESTED, key) ?? UNKNOWN;
}
