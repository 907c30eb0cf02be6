// Asks the running agent over its socket, and parses what it answers. A call fails for one of three
// reasons, each with another remedy: the agent is not running, this user may not ask, or the agent
// refused.

import { type ClientRequest, request as httpRequest } from "node:http";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { formatIssues } from "@harmony/core";
import { sendRequest, UserError } from "@harmony/runtime";
import { parseJson } from "@harmony/schema";
import { LOCAL_SOCKET_NAME, Refused } from "@iot/contracts";
import type * as z from "zod/mini";
import { EXIT } from "./exit-codes.ts";

const ANSWER_WITHIN_MS = 70_000;

/** Nobody listens on the socket. */
export class AgentNotRunning extends Error {}

/** The socket or its folder is not for this user. */
export class AgentNotPermitted extends Error {}

export interface AgentClient {
  /** @throws AgentNotRunning, AgentNotPermitted, or UserError with what the agent said. */
  ask<Schema extends z.ZodMiniType>(schema: Schema, call: AgentCall): Promise<z.output<Schema>>;
}

export interface AgentCall {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
}

export function connectAgent(options: { readonly runDir: string }): AgentClient {
  const socketPath = join(options.runDir, LOCAL_SOCKET_NAME);
  return {
    ask: async (schema, call) => {
      const { status, text } = await exchange(socketPath, call);
      if (status === 200) {
        const parsed = parseJson(schema, text);
        if (parsed.ok) return parsed.value;
        throw new UserError(`the running agent answers as another version than this program: ${formatIssues(parsed.issues)}; restart it`);
      }
      const refused = parseJson(Refused, text);
      throw new UserError(refused.ok ? refused.value.error : `the agent answers ${status}`, EXIT.failed);
    },
  };
}

async function exchange(socketPath: string, { method, path, body }: AgentCall): Promise<{ status: number; text: string }> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = { host: "agent", "content-length": Buffer.byteLength(text) };
  const open = (): ClientRequest => {
    const request = httpRequest({ socketPath, method, path, headers, agent: false, timeout: ANSWER_WITHIN_MS });
    return request.once("timeout", () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS / 1_000} s`)));
  };
  try {
    const response = await sendRequest(open, { body: text, isRepeatable: false });
    return { status: response.statusCode ?? 0, text: await textOf(response) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") throw new AgentNotRunning(socketPath, { cause: error });
    if (code === "EACCES" || code === "EPERM") throw new AgentNotPermitted(socketPath, { cause: error });
    throw new UserError(
      `the agent does not answer at ${socketPath}: ${error instanceof Error ? error.message : String(error)}; sudo systemctl restart iot-agent`,
    );
  }
}
