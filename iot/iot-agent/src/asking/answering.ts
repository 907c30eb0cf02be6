// What the answer to a person's question is made from.

import { type BoundVariant, formatIssues, type LogBatch, type LogQuery, type Parsed, Unable } from "@harmony/core";
import type { Clock, Log } from "@harmony/runtime";
import type { DeploymentName, DeviceId } from "@iot/contracts";
import type { Messaging } from "@iot/messaging/device";
import type { SessionEnd } from "@iot/messaging/sessions";
import type { RemotePolicy } from "../config/config.ts";
import type { OpenSession } from "./permit.ts";
import type { LocalActions } from "../local/local-socket.ts";

export interface AnswererOptions {
  readonly messaging: Messaging;
  readonly device: DeviceId;
  readonly remote: RemotePolicy;
  readonly configFile: string;
  readonly actions: LocalActions;
  /** The variant of a deployment's Score; null: none can be asked. */
  readonly variantOf: (name: DeploymentName) => BoundVariant | null;
  /** What the agent itself wrote; absent: there is no journal. */
  readonly ownLog?: ((query: LogQuery, signal: AbortSignal) => AsyncIterable<LogBatch>) | undefined;
  /** `iot-agent doctor --json`; absent: it cannot be run here. */
  readonly doctor?: ((signal: AbortSignal) => Promise<unknown>) | undefined;
  readonly clock?: Clock;
  readonly log: Log;
}

/** Of what is asked, for a session. */
export interface Answering {
  readonly options: AnswererOptions;
  readonly session: SessionEnd;
  readonly data: Uint8Array;
  /** The sessions that are open beside it, and what ends each. */
  readonly others: () => readonly (OpenSession & { readonly end: () => void })[];
}

/** @throws Unable */
export function read<Value>(parsed: Parsed<Value>): Value {
  if (parsed.ok) return parsed.value;
  throw new Unable("WrongRequest", formatIssues(parsed.issues));
}

/** @throws Unable that names the ones there are. */
export function known({ actions, device }: Answering["options"], text: string): DeploymentName {
  const names = actions.names();
  const name = names.find((each) => each === text);
  if (name !== undefined) return name;
  const there = names.length === 0 ? "it has none" : `its deployments are ${names.toSorted().join(", ")}`;
  throw new Unable("NoSuchDeployment", `${device} has no deployment "${text}": ${there}`);
}
