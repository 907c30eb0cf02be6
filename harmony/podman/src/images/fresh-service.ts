// Keeps Podman's service to the configuration that the device has now. The service reads registries
// and authorities once, when it starts, and lives as long as the agent asks it for events. It is
// restarted where they have changed, between two steps: never while another deployment is looked at
// or a step of it is under way. Containers do not notice.

import type { HostView } from "../device/host-view.ts";

export interface PodmanService {
  /** Resolves when it has ended and may be asked again. @throws when it cannot be restarted. */
  restart(signal: AbortSignal): Promise<void>;
}

export class FreshService {
  readonly #service: PodmanService | null;
  readonly #host: Pick<HostView, "podmanConfig">;
  /** Steps and observations, of all deployments. */
  #underWay = 0;
  #restarting: Promise<unknown> = Promise.resolve();
  /** The configuration as it was at the last look; null: never looked at. */
  #print: string | null = null;
  /** The service has surely read it. */
  #isRead = false;
  #untilRestart = new AbortController();
  /** The deployments whose last pull has failed. */
  readonly #failing = new Set<string>();

  constructor(service: PodmanService | null, host: Pick<HostView, "podmanConfig">) {
    this.#service = service;
    this.#host = host;
  }

  /** A step, or an observation: whatever the service's end would break off. */
  async during<T>(use: () => Promise<T>): Promise<T> {
    await this.#restarting;
    this.#underWay += 1;
    try {
      return await use();
    } finally {
      this.#underWay -= 1;
    }
  }

  /** A stream that is open holds up the service's end: it is broken off by this. */
  untilRestart(): AbortSignal {
    return this.#untilRestart.signal;
  }

  notePull(deployment: string, hasFailed: boolean): void {
    if (hasFailed) this.#failing.add(deployment);
    else this.#failing.delete(deployment);
  }

  forget(deployment: string): void {
    this.#failing.delete(deployment);
  }

  /** The deployments whose pull may come true now, since the configuration has changed. */
  async curedByChange(): Promise<readonly string[]> {
    if (this.#failing.size === 0 || this.#print === null) return [];
    return (await this.#host.podmanConfig()).print === this.#print ? [] : [...this.#failing];
  }

  /** Asked within the one step that is about to use the configuration. */
  async renewIfChanged(signal: AbortSignal): Promise<void> {
    const { print, isOfBoot } = await this.#host.podmanConfig();
    if (this.#print === null) this.#isRead = isOfBoot;
    else if (print !== this.#print) this.#isRead = false;
    const isChanged = this.#print !== null && print !== this.#print;
    this.#print = print;
    if (isChanged) await this.#restart(signal);
  }

  /** Whether it was restarted, so that another try may end otherwise. */
  async renewAfterFailure(signal: AbortSignal): Promise<boolean> {
    return !this.#isRead && (await this.#restart(signal));
  }

  async #restart(signal: AbortSignal): Promise<boolean> {
    if (this.#service === null || this.#underWay > 1) return false;
    const before = this.#untilRestart;
    this.#untilRestart = new AbortController();
    before.abort();
    try {
      const restarted = this.#service.restart(signal);
      this.#restarting = restarted.catch(() => undefined);
      await restarted;
    } catch {
      // The next failure tries it again, and says what Podman says.
      signal.throwIfAborted();
      return false;
    }
    this.#isRead = true;
    return true;
  }
}
