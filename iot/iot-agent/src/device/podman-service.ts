// Podman's service of this user, which systemd starts when its socket is asked. It is restarted for
// a configuration that it has not read yet; containers and the socket stay.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { PodmanService } from "@harmony/podman";

const RESTART_WITHIN_MS = 20_000;

/** `userRunDir`: where the user's systemd is asked. */
export function podmanService({ userRunDir }: { readonly userRunDir: string }): PodmanService {
  return {
    restart: async (signal) => {
      const env = { ...process.env, XDG_RUNTIME_DIR: userRunDir };
      await promisify(execFile)("systemctl", ["--user", "try-restart", "podman.service"], { env, signal, timeout: RESTART_WITHIN_MS });
    },
  };
}
