// Writes to each resource what the operator says of it, where it says something else than what
// stands there, as the watch and our own writes say. Which of them are written now is
// status-pace.ts's, what is written status.ts's.

import type { Clock, Log } from "@harmony/runtime";
import {
  applyStatus,
  type KubernetesConnection,
  KubernetesError,
  type KubernetesObject,
  readObject,
  type ResourceStore,
  type ResourceType,
} from "@harmony/kube-api";
import type { DeploymentResult, ObjectNews } from "../source.ts";
import { deviceNews } from "./device-news.ts";
import { eachOf } from "./each-of.ts";
import { areCountersAlone, statusToWrite } from "./status.ts";
import { type News, StatusPace } from "./status-pace.ts";

export interface StatusWriterOptions {
  readonly connection: KubernetesConnection;
  readonly type: ResourceType;
  readonly store: ResourceStore;
  readonly manager: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Is given what became of a Deployment on its devices, when that is written. */
  readonly announce: (news: readonly ObjectNews[]) => void;
  readonly explain: (error: KubernetesError) => { readonly message: string };
}

const CONCURRENCY = 16;

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #pace = new StatusPace();
  /** What was found to stand in an object already, by uid. */
  readonly #said = new Map<string, { readonly result: DeploymentResult; readonly object: KubernetesObject }>();
  #isBehind = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  isBehind(): boolean {
    return this.#isBehind;
  }

  /** @throws KubernetesError when one cannot be written; all that were to be were tried. */
  async report(results: readonly DeploymentResult[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const byUid = new Map(results.map((result) => [result.uid, result]));
    for (const uid of this.#said.keys()) if (!byUid.has(uid)) this.#said.delete(uid);
    this.#pace.keepOnly(byUid);
    const news = results.flatMap((result) => this.#newsOf(result) ?? []);
    const chosen = this.#pace.choose(news, clock.monotonicMs());
    this.#isBehind = chosen.length < news.length;
    const failures: unknown[] = [];
    const now = chosen.flatMap((uid) => byUid.get(uid) ?? []);
    await eachOf(now, CONCURRENCY, async (result) => {
      const failure = await this.#tryOne(result, signal);
      if (failure !== null) failures.push(failure);
    });
    this.#throwFirst(failures);
  }

  /** null: what stands there says it already. */
  #newsOf(result: DeploymentResult): News | null {
    const { store, clock } = this.#options;
    const { uid } = result;
    const object = store.objects().get(uid);
    if (object === undefined) return null;
    const said = this.#said.get(uid);
    if (said?.result === result && said.object === object) return null;
    const status = statusToWrite(result, object.status, rfc3339(clock.now()));
    if (status !== null) return { uid, isCondition: !areCountersAlone(status, object.status) };
    this.#said.set(uid, { result, object });
    return null;
  }

  async #tryOne(result: DeploymentResult, signal: AbortSignal): Promise<unknown> {
    try {
      await this.#write(result, signal);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      // Gone: the watch brings the news.
      if (error instanceof KubernetesError && error.code === "NotFound") return null;
      const { namespace, name } = result;
      this.#options.log.debug("failed to tell a deployment's owner", { namespace, deployment: name, error });
      return error;
    }
  }

  async #write(result: DeploymentResult, signal: AbortSignal): Promise<void> {
    const { connection, type, store, manager, log, clock, announce } = this.#options;
    const { uid, namespace, name } = result;
    for (let attempt = 1; ; attempt += 1) {
      const object = store.objects().get(uid);
      if (object === undefined) return;
      const status = statusToWrite(result, object.status, rfc3339(clock.now()));
      if (status === null) return;
      try {
        store.put(await applyStatus(connection, type, { object, manager, status, signal }));
        announce(deviceNews(result, object.status, status));
        return log.debug("wrote status", { namespace, deployment: name, ready: result.conditions.Ready.message });
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.code !== "Conflict" || attempt === 3) throw error;
      }
      const now = await readObject(connection, type, { namespace, name }, signal);
      // Another of its name: the watch brings the news.
      if (now.metadata.uid !== uid) return;
      store.put(now);
    }
  }

  #throwFirst(failures: readonly unknown[]): void {
    const [first] = failures;
    if (failures.length === 0) return;
    const code = first instanceof KubernetesError ? first.code : "BadAnswer";
    const cause = first instanceof KubernetesError ? new Error(this.#options.explain(first).message) : first;
    throw new KubernetesError(code, `failed to report ${failures.length} deployments`, { cause });
  }
}

function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
