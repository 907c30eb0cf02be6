// Whether the API server answers, asked every few seconds for one object. A watch may be silent
// because nothing happens, or because nobody is there, and a list waits half a minute: a person is
// to know within 15 s, and to be left in peace within 15 s of the cure.

import type { Clock } from "@harmony/runtime";
import { isNewer, type KubernetesConnection, KubernetesError, KubernetesObject, type ResourceStore } from "@harmony/kube-api";
import { ENVELOPE_LIMITS, parse } from "@harmony/schema";
import * as z from "zod/mini";

export interface ApiHealthOptions {
  readonly connection: KubernetesConnection;
  /** The path of the objects that are followed. */
  readonly path: string;
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly explain: (error: KubernetesError) => string;
  /** It answers again, or the watch missed something. */
  readonly onNews: () => void;
}

export interface ApiHealth {
  /** null: it answers. */
  problem(): string | null;
  /** Aborted when it answers after it did not: what was asked before may never be answered. */
  recovery(): AbortSignal;
}

const EVERY_MS = 5_000;
const TIMEOUT_MS = 4_000;
const Page = z.looseObject({ items: z.array(KubernetesObject) });

export function watchApiHealth(options: ApiHealthOptions): ApiHealth {
  const { connection, path, store, clock, signal, explain, onNews } = options;
  let problem: string | null = null;
  let recovery = new AbortController();
  let missed = 0;

  /** null: it answers, and the watch has brought what it says. */
  const ask = async (): Promise<string | null> => {
    const what = "ask for one object";
    const answer = await connection.request({ method: "GET", path, query: { limit: "1" }, what, signal, timeoutMs: TIMEOUT_MS });
    const page = parse(Page, answer, ENVELOPE_LIMITS);
    if (!page.ok) throw new KubernetesError("BadAnswer", `failed to ${what}: ${connection.server} answered something that is no list`);
    const [object] = page.value.items;
    const known = object === undefined ? undefined : store.objects().get(object.metadata.uid);
    const isMissed = object !== undefined && (known === undefined || isNewer(object, known));
    missed = isMissed ? missed + 1 : 0;
    // Once may be a moment.
    return missed < 2 ? null : `${connection.server} answers, but its watch is silent: changes are seen late`;
  };

  const enter = (next: string | null): void => {
    const before = problem;
    problem = next;
    if (next === null && before !== null) {
      recovery.abort(new Error("the API server answers again"));
      recovery = new AbortController();
    }
    if ((next === null) !== (before === null) || missed >= 2) onNews();
  };

  const run = async (): Promise<void> => {
    for (;;) {
      try {
        enter(await ask());
      } catch (error) {
        if (signal.aborted) return;
        enter(error instanceof KubernetesError ? explain(error) : String(error));
      }
      await clock.sleep(EVERY_MS, signal);
    }
  };
  run().catch(() => undefined);
  return { problem: () => problem, recovery: () => recovery.signal };
}
