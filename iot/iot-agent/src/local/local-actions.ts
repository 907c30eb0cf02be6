// Ties what a person may ask over the socket to the parts of the agent that do it.

import type { PODMAN_REASONS } from "@harmony/podman";
import { abortable, errorText } from "@harmony/runtime";
import type { DeploymentName, DeploymentReport, DeviceId, DeviceStatus, LocalExplanation } from "@iot/contracts";
import type { DesiredState } from "../desired/desired-state.ts";
import type { History } from "../status/history.ts";
import type { Holds } from "../reconcile/holds.ts";
import type { FetchedSecrets } from "../openbao/fetched-secrets.ts";
import type { Workers } from "../reconcile/workers.ts";
import type { ConnectionNow } from "./connection-now.ts";
import type { LocalActions } from "./local-socket.ts";
import type { Reports } from "../status/reports.ts";
import type { Reason } from "../desired/reasons.ts";

const BUSY: (typeof PODMAN_REASONS)[number] = "Busy";

export function localActions(parts: {
  readonly device: DeviceId;
  readonly desired: DesiredState;
  readonly workers: Workers;
  readonly reports: Reports;
  readonly holds: Holds;
  readonly history: History;
  readonly connection: ConnectionNow;
  readonly status: () => DeviceStatus;
  readonly fromAfar: {
    place(): Promise<string | null>;
    readonly secrets: Pick<FetchedSecrets, "refresh"> | null;
  } | null;
}): LocalActions {
  const { device, fromAfar, desired, workers, reports, holds, history, connection, status } = parts;
  return {
    names: () => desired.names(),
    status: () => ({ ...status(), connection: connection.shown() }),
    history: (signal) => abortable(history.written(), signal),
    explain: async (deployment, signal) => {
      const seen = await lookNow(workers, deployment, signal);
      return { device, deployment, report: reports.current().get(deployment) ?? NOT_YET, ...seen };
    },
    hold: async (name, hold) => ({ ...(await holds.hold(name, hold)) }),
    release: (name) => holds.release(name),
    retry: async (name, signal) => {
      const hold = holds.get(name);
      if (hold !== null) return { ...hold };
      await desired.retry(name);
      await workers.retry(name, signal);
      return null;
    },
    switchNow: (name) => {
      if (reports.current().get(name)?.reason !== BUSY) return false;
      workers.switchNow(name);
      return true;
    },
    clean: (name) => desired.clean(name),
    lookAtAll: () => workers.lookAtAll(),
    refresh: async () => {
      desired.readAgain();
      if (fromAfar === null) return { secrets: [], problems: [] };
      const place = await fromAfar.place();
      const { changed = [], problems = [] } = (await fromAfar.secrets?.refresh()) ?? {};
      return { secrets: [...changed], problems: [...new Set([...(place === null ? [] : [place]), ...problems])] };
    },
  };
}

/** The person wants to know why it cannot be looked at now, so that is part of the answer. */
async function lookNow(
  workers: Pick<Workers, "explain">,
  name: DeploymentName,
  signal: AbortSignal,
): Promise<Pick<LocalExplanation, "observed" | "planned" | "blocked" | "stages">> {
  try {
    const { observed, planned, blocked, stages = [] } = (await workers.explain(name, signal)) ?? NOTHING_SEEN;
    const shown = { observed: [...observed], planned: [...planned], blocked: blocked.map((each) => ({ ...each })) };
    return stages.length === 0 ? shown : { ...shown, stages: stages.map((each) => ({ ...each })) };
  } catch (error) {
    signal.throwIfAborted();
    return { ...NOTHING_SEEN, blocked: [{ subject: name, reason: "TopologyUnavailable" satisfies Reason, message: errorText(error) }] };
  }
}

const NOTHING_SEEN = { observed: [], planned: [], blocked: [], stages: [] };

const NOT_YET: DeploymentReport = {
  phase: "Pending",
  reason: "Pending" satisfies Reason,
  message: "the agent has not looked at it yet",
  since: "",
  desiredRevision: null,
  runningRevision: null,
  services: [],
};
