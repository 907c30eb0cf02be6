// What a person asks a device (`iot.command.<device>.<verb>`), and what comes back: the request of
// each verb, the last word of a session, and a line of a log. Both ends parse with these, since
// they may be of different versions.

import { DnsLabel } from "@harmony/schema";
import * as z from "zod/mini";
import { HOLD_MAX_SECONDS } from "./local-api.ts";

export const COMMAND_VERBS = ["ping", "explain", "doctor", "logs", "exec", "retry", "hold", "release", "switch", "refresh"] as const;
export type CommandVerb = (typeof COMMAND_VERBS)[number];

/** A device reads no longer request. */
export const COMMAND_LIMIT_BYTES = 8_192;

/** 128 random bits in hex, drawn by who asks: nobody else can send to the session. */
const SessionId = z.string().check(z.regex(/^[0-9a-f]{32}$/, { error: "expected 32 hexadecimal digits" }));
const Text = z.string().check(z.maxLength(4_096));
const session = { session: SessionId };
const named = { ...session, deployment: DnsLabel };

export const CommandRequest = z.looseObject(session);
export const DeploymentRequest = z.looseObject(named);
export const HoldCommand = z.looseObject({
  ...named,
  seconds: z.int().check(z.minimum(1), z.maximum(HOLD_MAX_SECONDS)),
  reason: z.string().check(z.minLength(1), z.maxLength(200)),
});

/** More lines than these are not sent for one question. */
export const LOG_TAIL_MOST = 100_000;

export const LogsRequest = z.looseObject({
  ...session,
  /** Either a deployment, with a service or all of its, or a unit: `iot-agent`. */
  deployment: z.optional(DnsLabel),
  service: z.optional(DnsLabel),
  unit: z.optional(z.literal("iot-agent")),
  follow: z.optional(z.boolean()),
  tail: z.optional(z.int().check(z.minimum(0), z.maximum(LOG_TAIL_MOST))),
  /** Milliseconds since the epoch. */
  since: z.optional(z.int()),
  until: z.optional(z.int()),
  grep: z.optional(z.string().check(z.minLength(1), z.maxLength(500))),
  /** The lines before the last start. */
  previous: z.optional(z.boolean()),
  /** Of the last line that was received: the next one comes first. */
  cursor: z.optional(Text),
});
export type LogsRequest = z.output<typeof LogsRequest>;

const Size = z.looseObject({
  width: z.int().check(z.minimum(1), z.maximum(10_000)),
  height: z.int().check(z.minimum(1), z.maximum(10_000)),
});
export const TerminalSize = Size;
export type TerminalSize = z.output<typeof TerminalSize>;

export const ExecRequest = z.looseObject({
  ...named,
  service: z.optional(DnsLabel),
  command: z.array(Text).check(z.minLength(1), z.maxLength(256)),
  tty: z.optional(z.boolean()),
  /** Without it the command finds its input at an end. */
  stdin: z.optional(z.boolean()),
  /** Of the terminal. */
  term: z.optional(z.string().check(z.regex(/^[\w.+-]{1,64}$/, { error: "expected the name of a terminal, as xterm-256color" }))),
  size: z.optional(Size),
});
export type ExecRequest = z.output<typeof ExecRequest>;

/** A line of a log, as it crosses the wire: one JSON document a line. */
export const LogLine = z.looseObject({
  /** Microseconds since the epoch, by the device's clock. */
  t: z.number(),
  s: z.enum(["out", "err"]),
  m: z.string(),
  /** The service that wrote it; absent: the agent, or there is one alone. */
  n: z.optional(z.string()),
  /** Of this line; the last line of each frame has one. */
  c: z.optional(z.string()),
});
export type LogLine = z.output<typeof LogLine>;

/** The last frame of a session. Without a reason it went as asked. */
export const SessionStatus = z.looseObject({
  exitCode: z.optional(z.int()),
  reason: z.optional(z.string()),
  /** One sentence. */
  message: z.optional(z.string()),
  /** What a verb without a stream answers. */
  result: z.optional(z.unknown()),
});
export type SessionStatus = z.output<typeof SessionStatus>;

/** The result of `ping`. */
export const Pong = z.looseObject({
  device: z.string(),
  agentVersion: z.string(),
  /** RFC 3339, by the device's clock. */
  now: z.string(),
  /** Since when the agent runs, and is connected. */
  uptimeSeconds: z.number(),
  connectedSeconds: z.number(),
  /** What `[remote]` of its configuration permits. */
  remote: z.array(z.string()),
});
export type Pong = z.output<typeof Pong>;

/** The server adds it where a service is imported with `share: true`. */
export const RequestInfo = z.looseObject({
  acc: z.string(),
  user: z.optional(z.string()),
  host: z.optional(z.string()),
});
export type RequestInfo = z.output<typeof RequestInfo>;
