// Refuses fields of a service that contradict each other, each right for itself: ports on the
// host's network, two mounts of one path, a capability that the host's network makes void, a
// variable that the agent sets.

import type * as z from "zod/mini";
import { IMPOSSIBLE_ON_HOST_NETWORK } from "./host-values.ts";
import { OF_NETWORK } from "./kernel-values.ts";
import { busyFile, ownVariables, type ScoreWords } from "./score-words.ts";
import type { Service } from "./service.ts";

export function refuseContradictions(words: ScoreWords): (context: z.core.ParsePayload<Service[]>) => void {
  const ours = Object.keys(ownVariables(words, { deviceId: "", deployment: "", service: "" }));
  return (context) =>
    context.value.forEach((service, index) =>
      refuseIn(service, { ours, words }, (path, message) => {
        context.issues.push({ code: "custom", path: [index, ...path], message, input: undefined });
      }),
    );
}

function refuseIn(
  service: Service,
  { ours, words }: { readonly ours: readonly string[]; readonly words: ScoreWords },
  refuse: (path: (string | number)[], message: string) => void,
): void {
  if (service.network === "host") {
    if (service.ports.length > 0) {
      refuse(["ports"], "means nothing with network: host, where the service has the device's own ports: leave ports out, or network");
    }
    if (service.aliases !== undefined)
      refuse(["aliases"], "mean nothing with network: host, where other services reach it by the device's name");
    for (const name of Object.keys(service.sysctls ?? {})) {
      if (OF_NETWORK.test(name))
        refuse(["sysctls", name], "is the device's own with network: host: put it into /etc/sysctl.d on the device, or leave network out");
    }
    service.capAdd.forEach((name, at) => {
      const why = IMPOSSIBLE_ON_HOST_NETWORK[name];
      if (why !== undefined) refuse(["capAdd", at], why);
    });
  }
  if (service.groupAdd !== undefined && usesHost(service)) {
    refuse(
      ["groupAdd"],
      "means nothing beside devices and host paths, with which a service has the groups of the device's user: leave it out, and give that user the groups on the device",
    );
  }
  for (const name of Object.keys(service.env)) {
    if (ours.includes(name))
      refuse(["env", name], "is what the agent sets, by what the device and the deployment are called: leave it out");
  }
  const ofBusy = service.busy === undefined ? [] : [words.busyFolder, busyFile(words)];
  const seen = new Map(ofBusy.map((path) => [path, "busy"]));
  for (const { path, field, at } of mountPaths(service)) {
    const first = seen.get(path);
    if (first !== undefined) refuse([field, at], `puts something at ${path}, where ${first} does already`);
    seen.set(path, `${field}[${at}]`);
  }
}

/** Whether it is given a part of the device's file system, and with it the groups of its user. */
export function usesHost({ devices, volumes }: Service): boolean {
  return devices.length > 0 || volumes.some(({ kind }) => kind === "hostPath");
}

/** The path of a secret in the container. */
export function secretPath({ name, path }: Service["secrets"][number]): string {
  return path ?? `/run/secrets/${name}`;
}

function mountPaths(service: Service): { path: string; field: string; at: number }[] {
  const paths: Record<string, readonly string[]> = {
    volumes: service.volumes.map(({ path }) => path),
    tmpfs: service.tmpfs.map(({ path }) => path),
    files: service.files.map(({ path }) => path),
    secrets: service.secrets.map(secretPath),
    devices: service.devices.map(({ path }) => path),
  };
  return Object.entries(paths).flatMap(([field, list]) => list.map((path, at) => ({ path, field, at })));
}
