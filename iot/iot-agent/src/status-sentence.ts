// The one sentence that `systemctl status` ends in: where the agent is connected, how much of what it should run runs, and what each
// other deployment is at. Pure.

import type { ConnectionState } from "@iot/messaging/device";
import type { DeploymentReport } from "@iot/contracts";

export interface Standing {
  readonly connection: Pick<ConnectionState, "kind" | "server" | "message">;
  readonly deployments: ReadonlyMap<string, Pick<DeploymentReport, "phase" | "message">>;
  /** What keeps the whole device from following. */
  readonly problem: { readonly message: string } | undefined;
}

/** What is wrong is said before what is under way. */
const TROUBLE: ReadonlySet<DeploymentReport["phase"]> = new Set(["Failed", "Blocked", "Rejected", "RolledBack", "Degraded"] as const);
const SHOWN = 2;

export function statusSentence({ connection, deployments, problem }: Standing): string {
  const others = [...deployments].filter(([, { phase }]) => phase !== "Running");
  const running = deployments.size - others.length;
  const sorted = others.toSorted(([a, first], [b, second]) => urgency(first) - urgency(second) || (a < b ? -1 : 1));
  const details = sorted.slice(0, SHOWN).map(([name, { message }]) => `${name}: ${message}`);
  const more = others.length > SHOWN ? [`${others.length - SHOWN} more, see iot-agent status`] : [];
  const count = deployments.size === 0 ? "no deployments" : `${running} of ${counted(deployments.size)} running`;
  const parts = [problem === undefined ? count : `${count}; ${problem.message}`, ...details, ...more];
  if (connection.kind === "connected") return [`connected to NATS ${connection.server}, ${parts[0]}`, ...parts.slice(1)].join("; ");
  return [...parts, connection.message].join("; ");
}

function urgency({ phase }: Pick<DeploymentReport, "phase">): number {
  return TROUBLE.has(phase) ? 0 : 1;
}

function counted(count: number): string {
  return `${count} ${count === 1 ? "deployment" : "deployments"}`;
}
