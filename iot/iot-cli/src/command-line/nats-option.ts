// Where NATS is, as a person says it: by an option or by the environment.

import type { Options, Surroundings } from "./command.ts";
import type { NatsAccess } from "./nats.ts";

export const NATS_OPTION = {
  nats: { type: "string", value: "url", about: "the NATS server, or several with commas (default: NATS_URL, else nats://127.0.0.1:4222)" },
} as const satisfies Options;

export const JSON_OPTION = { json: { type: "boolean", about: "the same as JSON, for programs" } } as const satisfies Options;

export function natsAccess(nats: string | undefined, { env, warn }: Surroundings): NatsAccess {
  const text = [nats, env["NATS_URL"]].find((each) => each !== undefined && each !== "") ?? "nats://127.0.0.1:4222";
  const servers = text.split(",").map((server) => server.trim());
  return { servers, user: env["NATS_USER"], pass: env["NATS_PASSWORD"], caFile: env["NATS_CA"] === "" ? undefined : env["NATS_CA"], warn };
}
