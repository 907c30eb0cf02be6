// The verbs that a person at the device has, too, and `ping`: their whole answer is one document.

import { Unable } from "@harmony/core";
import { parseJson } from "@harmony/schema";
import { type CommandVerb, DeploymentRequest, HoldCommand, type Pong, type SessionStatus } from "@iot/contracts";
import type { RemotePolicy } from "../config/config.ts";
import { AGENT_VERSION } from "../config/version.ts";
import { notWaiting } from "../local/local-socket.ts";
import { type Answering, known, read } from "./answering.ts";

export async function answerShortly(
  verb: Exclude<CommandVerb, "logs" | "exec">,
  { options, data }: Answering,
  signal: AbortSignal,
): Promise<SessionStatus> {
  const { actions, doctor, device, remote, messaging } = options;
  switch (verb) {
    case "ping": {
      const { kind, sinceMonotonicMs } = messaging.state();
      const pong: Pong = {
        device,
        agentVersion: AGENT_VERSION,
        now: new Date().toISOString(),
        uptimeSeconds: Math.floor(process.uptime()),
        connectedSeconds: kind === "connected" ? Math.floor((performance.now() - sinceMonotonicMs) / 1_000) : 0,
        remote: [...remoteWords(remote)],
      };
      return { result: pong };
    }
    case "explain":
      return { result: await actions.explain(known(options, read(parseJson(DeploymentRequest, data)).deployment), signal) };
    case "doctor":
      if (doctor === undefined) throw new Unable("NoDoctor", "the agent of this device cannot look at what it stands on");
      return { result: await doctor(signal) };
    case "retry":
      await actions.retry(known(options, read(parseJson(DeploymentRequest, data)).deployment), signal);
      return { result: {} };
    case "switch": {
      const name = known(options, read(parseJson(DeploymentRequest, data)).deployment);
      if (!actions.switchNow(name)) throw new Unable("NotWaiting", notWaiting(name));
      return { result: {} };
    }
    case "hold": {
      const { deployment, seconds, reason } = read(parseJson(HoldCommand, data));
      return { result: await actions.hold(known(options, deployment), { forMs: seconds * 1_000, reason }) };
    }
    case "release":
      return { result: { wasHeld: await actions.release(known(options, read(parseJson(DeploymentRequest, data)).deployment)) } };
    case "refresh":
      return { result: await actions.refresh() };
  }
}

/** What `[remote]` permits, in its own words. */
export function remoteWords({ logs, exec }: RemotePolicy): readonly string[] {
  return [...(logs ? ["logs"] : []), ...(exec ? ["exec"] : [])];
}
