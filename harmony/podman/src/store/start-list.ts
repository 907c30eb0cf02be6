// Which containers are to run after a power cut, for a unit that starts them without the agent and without a network: a file a deployment,
// a name a line. Rewritten after each successful change.

import { join } from "node:path";
import { readDurably } from "@harmony/runtime";
import { isCompleted, restartNeed, type Role } from "../plan/role.ts";
import type { Container } from "../model/snapshot.ts";
import { store, type StorageOptions, type SwapRecord, taken } from "./swap-journal.ts";

export interface StartList {
  /** @throws StorageError. */
  read(deployment: string): Promise<readonly string[]>;
  /** On disk when it returns. @throws StorageError. */
  write(deployment: string, containers: readonly string[]): Promise<void>;
}

const CONTAINER_NAME = /^[a-zA-Z0-9][\w.-]*$/;

export function fileStartList({ folder, onCorrupt }: StorageOptions): StartList {
  return {
    read: async (deployment) => {
      const file = join(folder, deployment);
      const read = await readDurably(file, (bytes) => {
        const names = new TextDecoder().decode(bytes).split("\n");
        const isWhole = names.pop() === "" && names.every((name) => CONTAINER_NAME.test(name));
        return isWhole
          ? { ok: true, value: names }
          : { ok: false, issues: [{ path: [], message: "expected the names of containers, one a line" }] };
      });
      return taken(file, read, onCorrupt) ?? [];
    },
    write: (deployment, containers) =>
      store(join(folder, deployment), containers.length === 0 ? null : containers.map((name) => `${name}\n`).join("")),
  };
}

/** Not what a person stopped and his restart policy keeps down, and not what is to run once. */
export function startListOf(roles: readonly (Role & { readonly current: Container })[], record: SwapRecord): string[] {
  return roles
    .filter(({ service, current }) => {
      if (service.restart.policy === "no" || isCompleted(service, current)) return false;
      const isOurStop = record.held.includes(current.name) || Object.hasOwn(record.crashes, service.name);
      const isDown = current.state === "exited" && current.stoppedByUser && !isOurStop;
      return !isDown || restartNeed(service, current, { nowMs: Infinity, isOurStop }) === "start";
    })
    .map(({ current }) => current.name);
}
