// What a person at the device asks of the running agent: HTTP over a unix socket that only root and the group iot-agent can open. Routes
// and their parsing; what is done is the agent's (LocalActions), what is shown is the commands' own, which are another process. Each answer
// is one JSON document; a refusal is `{"error": sentence}`.

import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { type Explanation, formatIssues, type Hold } from "@harmony/core";
import { errorText, type Log } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { asDeploymentName, type DeploymentName, type DeploymentReport, type DeviceStatus } from "@iot/contracts";
import * as z from "zod/mini";
import type { HistoryEntry } from "../status/history.ts";

export const SOCKET_NAME = "agent.sock";
export const HOLD_MAX_SECONDS = 7 * 86_400;
const BODY_LIMIT_BYTES = 16_384;
const ANSWER_LIMIT_MS = 60_000;

export interface LocalConnection {
  readonly state: "connecting" | "connected" | "disconnected";
  /** Connected, that one; else those that are tried. */
  readonly server: string;
  readonly reason: string | null;
  /** One sentence. */
  readonly message: string;
  /** RFC 3339, by the device's clock. */
  readonly since: string;
}

export interface LocalStatus extends DeviceStatus {
  readonly connection: LocalConnection;
}

export interface LocalExplanation extends Pick<Explanation, "observed" | "planned" | "blocked"> {
  readonly device: string;
  readonly deployment: string;
  readonly report: DeploymentReport;
}

export interface LocalActions {
  /** Those that the device has, for whoever names another. */
  names(): readonly DeploymentName[];
  status(): LocalStatus;
  history(): readonly HistoryEntry[];
  explain(name: DeploymentName, signal: AbortSignal): Promise<LocalExplanation>;
  hold(name: DeploymentName, hold: { readonly forMs: number; readonly reason: string }): Promise<Hold>;
  /** False: it was not held. */
  release(name: DeploymentName): Promise<boolean>;
  retry(name: DeploymentName, signal: AbortSignal): Promise<void>;
  lookAtAll(): void;
}

const HoldRequest = z.strictObject({
  seconds: z.int().check(z.minimum(1), z.maximum(HOLD_MAX_SECONDS)),
  reason: z.string().check(z.minLength(1), z.maxLength(200)),
});

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Never rejects: without its socket the agent says so and goes on. */
export async function openLocalApi(options: {
  readonly folder: string;
  readonly actions: LocalActions;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { folder, actions, log, signal } = options;
  const path = join(folder, SOCKET_NAME);
  const server = createServer((request, response) => void answer(actions, log, request, response));
  server.requestTimeout = ANSWER_LIMIT_MS;
  try {
    await rm(path, { force: true });
    await listen(server, path);
    // The group of the folder's owner: systemd's UMask= would take it away.
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
  let body: unknown;
  try {
    body = await route(actions, request);
  } catch (error) {
    status = error instanceof Refusal ? error.status : 500;
    body = { error: errorText(error) };
    if (status === 500) log.warn("could not answer a person at the device", { asked: request.url, error });
  }
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}

async function route(actions: LocalActions, request: IncomingMessage): Promise<unknown> {
  const { method = "", url = "" } = request;
  const [first = "", text, verb] = url.split("/").slice(1).map(decodeURIComponent);
  const asked = `${method} ${[first, ...(text === undefined ? [] : ["NAME", verb])].join("/")}`;
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  switch (asked) {
    case "GET status":
      return actions.status();
    case "GET history":
      return { entries: actions.history() };
    case "POST look":
      actions.lookAtAll();
      return {};
    case "GET deployments/NAME/explanation":
      return actions.explain(known(actions, text), signal);
    case "POST deployments/NAME/hold": {
      const name = known(actions, text);
      const { seconds, reason } = await parseBody(HoldRequest, request);
      return actions.hold(name, { forMs: seconds * 1_000, reason });
    }
    case "POST deployments/NAME/release":
      return { wasHeld: await actions.release(known(actions, text)) };
    case "POST deployments/NAME/retry":
      await actions.retry(known(actions, text), signal);
      return {};
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
