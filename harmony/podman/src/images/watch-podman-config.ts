// Hints at the deployments whose pull has failed when the files of Podman's configuration change,
// so that a person who has cured the host need not wait for the next try. While none has failed, no
// file is looked at.

import { systemClock } from "@harmony/runtime";
import type { FreshService } from "./fresh-service.ts";

const EVERY_MS = 3_000;

export async function watchPodmanConfig(service: FreshService, onChange: (name: string) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await systemClock.sleep(EVERY_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    for (const name of await service.curedByChange()) onChange(name);
  }
}
