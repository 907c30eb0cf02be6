// The one sentence that `systemctl status` ends in: where the agent is connected, how much of what
// it should run runs, and what each other deployment does now. The order matters: a long sentence
// loses its end. Pure.

import type { ConnectionState } from "@iot/messaging/device";
import type { DeploymentReport } from "@iot/contracts";
import { classOfPhase } from "@iot/fleet";
import { STATUS_MAX_CHARACTERS } from "./service-manager.ts";

export interface AgentState {
  readonly connection: Pick<ConnectionState, "kind" | "server" | "message">;
  readonly deployments: ReadonlyMap<string, Pick<DeploymentReport, "phase" | "message">>;
  /** What keeps the whole device from following. */
  readonly problem: { readonly message: string } | undefined;
}

const SHOWN = 2;
/** What is left of each where the whole is too long. */
const CONNECTION_CHARACTERS = 220;
const DETAIL_CHARACTERS = 120;

export function statusSentence({ connection, deployments, problem }: AgentState): string {
  const others = [...deployments].filter(([, { phase }]) => phase !== "Running");
  const running = deployments.size - others.length;
  const sorted = others.toSorted(([a, first], [b, second]) => urgency(first) - urgency(second) || (a < b ? -1 : 1));
  const details = sorted.slice(0, SHOWN).map(([name, { message }]) => `${name}: ${message}`);
  const more = others.length > SHOWN ? [`${others.length - SHOWN} more, see iot-agent status`] : [];
  const count = deployments.size === 0 ? "no deployments" : `${running} of ${counted(deployments.size)} running`;
  const isConnected = connection.kind === "connected";
  const sentence = (shortened: (text: string, most: number) => string): string => {
    const where = isConnected ? `connected to NATS ${connection.server}, ` : `${shortened(connection.message, CONNECTION_CHARACTERS)}; `;
    const shown = [...(problem === undefined ? [] : [problem.message]), ...details].map((text) => shortened(text, DETAIL_CHARACTERS));
    return [`${where}${count}`, ...shown, ...more].join("; ");
  };
  const whole = sentence((text) => text);
  return whole.length <= STATUS_MAX_CHARACTERS ? whole : sentence(cut);
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function urgency({ phase }: Pick<DeploymentReport, "phase">): number {
  return classOfPhase(phase) === "trouble" ? 0 : 1;
}

function counted(count: number): string {
  return `${count} ${count === 1 ? "deployment" : "deployments"}`;
}
