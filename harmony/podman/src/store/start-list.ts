// Keeps the list of containers that should run after a power cut, for a unit that starts them
// without the agent and without a network: a file a deployment, a name a line. It is rewritten
// after each successful change.

import { join } from "node:path";
import { readDurably } from "@harmony/runtime";
import { store, type StorageOptions, taken } from "./stored-file.ts";

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
