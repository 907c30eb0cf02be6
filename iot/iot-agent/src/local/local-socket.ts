// The agent's socket for people, which only root and the group iot-agent can open: routes, and the
// parsing of what is asked, as local-api.ts of @iot/contracts has it. LocalActions does what is
// asked; the commands, which are another process, show the answer.

import { chmod, lstat, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { formatIssues } from "@harmony/core";
import { errorText, type Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import {
  asDeploymentName,
  type DeploymentName,
  type Done,
  type HeldUntil,
  type HistoryEntry,
  HoldRequest,
  LOCAL_SOCKET_NAME,
  type LocalExplanation,
  type LocalHistory,
  type LocalRefreshed,
  type LocalStatus,
  type Refused,
  type Released,
} from "@iot/contracts";
import type * as z from "zod/mini";

const BODY_LIMIT_BYTES = 16_384;
const ANSWER_LIMIT_MS = 60_000;

export interface LocalActions {
  /** The deployments of the device, for a person who names another. */
  names(): readonly DeploymentName[];
  status(): LocalStatus;
  history(signal: AbortSignal): Promise<readonly HistoryEntry[]>;
  explain(name: DeploymentName, signal: AbortSignal): Promise<LocalExplanation>;
  hold(name: DeploymentName, hold: { readonly forMs: number; readonly reason: string }): Promise<HeldUntil>;
  /** False: it was not held. */
  release(name: DeploymentName): Promise<boolean>;
  /** What keeps it from being tried: a person holds it; null: it is tried. */
  retry(name: DeploymentName, signal: AbortSignal): Promise<HeldUntil | null>;
  /** False: it waits for no program that is at work. */
  switchNow(name: DeploymentName): boolean;
  /** False: a manifest names it. */
  clean(name: DeploymentName): Promise<boolean>;
  lookAtAll(): void;
  /** Everything that comes from afar is asked for again: the manifest, where NATS is, secrets. */
  refresh(): Promise<LocalRefreshed>;
}

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Never rejects: without its socket the agent logs that and goes on. */
export async function openLocalSocket(options: {
  readonly folder: string;
  readonly actions: LocalActions;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { folder, actions, log, signal } = options;
  const path = join(folder, LOCAL_SOCKET_NAME);
  const server = createServer((request, response) => void answer(actions, log, request, response));
  server.requestTimeout = ANSWER_LIMIT_MS;
  try {
    // A socket or a link is one of ours that was left; a file is somebody's.
    if ((await lstat(path).catch(() => null))?.isFile() === true) throw new Error("a file that is no socket is there: move it away");
    await rm(path, { force: true });
    await listen(server, path);
    // The group may write: systemd's UMask= would take that away.
    await chmod(path, 0o660);
  } catch (error) {
    server.close();
    log.warn(
      `people cannot ask the agent anything (iot-agent status, hold, …), since ${path} cannot be opened: ${errorText(error)}; systemd-tmpfiles --create makes the folder, then systemctl restart iot-agent`,
    );
    return;
  }
  signal.addEventListener("abort", () => {
    server.close();
    server.closeAllConnections();
  });
}

function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  return promise;
}

async function answer(actions: LocalActions, log: Log, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let status = 200;
  let body: object;
  try {
    body = await route(actions, request);
  } catch (error) {
    status = error instanceof Refusal ? error.status : 500;
    body = { error: errorText(error) } satisfies Refused;
    if (status === 500) log.warn("could not answer a person at the device", { asked: request.url, error });
  }
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}

/** Also for a person who asks from afar. */
export function notWaiting(name: DeploymentName): string {
  return `"${name}" waits for no container that is at work: iot-agent explain ${name} says how it is`;
}

async function route(actions: LocalActions, request: IncomingMessage): Promise<object> {
  const { method = "", url = "" } = request;
  const [first = "", text, verb] = url.split("/").slice(1).map(decodeURIComponent);
  const asked = `${method} ${[first, ...(text === undefined ? [] : ["NAME", verb])].join("/")}`;
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  switch (asked) {
    case "GET status":
      return actions.status();
    case "GET history":
      return { entries: [...(await actions.history(signal))] } satisfies LocalHistory;
    case "POST look":
      actions.lookAtAll();
      return {} satisfies Done;
    case "POST refresh":
      return actions.refresh();
    case "GET deployments/NAME/explanation":
      return actions.explain(known(actions, text), signal);
    case "POST deployments/NAME/hold": {
      const name = known(actions, text);
      const { seconds, reason } = await parseBody(HoldRequest, request);
      return actions.hold(name, { forMs: seconds * 1_000, reason });
    }
    case "POST deployments/NAME/release":
      return { wasHeld: await actions.release(known(actions, text)) } satisfies Released;
    case "POST deployments/NAME/retry": {
      const name = known(actions, text);
      const hold = await actions.retry(name, signal);
      if (hold === null) return {} satisfies Done;
      throw new Refusal(409, `"${name}" is held by a person (${hold.reason}), and is not tried until then: iot-agent release ${name}`);
    }
    case "POST deployments/NAME/switch": {
      const name = known(actions, text);
      if (actions.switchNow(name)) return {} satisfies Done;
      throw new Refusal(409, notWaiting(name));
    }
    case "POST deployments/NAME/clean": {
      const name = known(actions, text);
      if (await actions.clean(name)) return {} satisfies Done;
      throw new Refusal(
        409,
        `the manifest of this device names "${name}" and would bring it back: take this device out of its targetDevices in the repository, or delete it there`,
      );
    }
    default:
      throw new Refusal(404, `this agent answers nothing at ${method} ${url}: the command is of another version than the running agent`);
  }
}

/** @throws Refusal that names the ones there are. */
function known(actions: LocalActions, text = ""): DeploymentName {
  const names = actions.names();
  const name = names.find((each) => each === text);
  if (name !== undefined) return asDeploymentName(name);
  const there = names.length === 0 ? "it has none" : `its deployments are ${names.toSorted().join(", ")}`;
  throw new Refusal(404, `this device has no deployment "${text}": ${there}`);
}

async function parseBody<Schema extends z.ZodMiniType>(schema: Schema, request: IncomingMessage): Promise<z.output<Schema>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Buffer)) continue;
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) throw new Refusal(413, `the request is longer than ${BODY_LIMIT_BYTES} bytes`);
    chunks.push(chunk);
  }
  const parsed = parseJson(schema, Buffer.concat(chunks));
  if (!parsed.ok) throw new Refusal(400, formatIssues(parsed.issues));
  return parsed.value;
}
