import { expect, test } from "vitest";
import { type AgentState, statusSentence } from "./status-sentence.ts";

const connected = { kind: "connected", server: "central:4222", message: "connected to NATS at central:4222" } as const;
const lost = {
  kind: "disconnected",
  server: "central:4222",
  message: "cannot connect to NATS at nats://central:4222: the host name cannot be resolved; …",
} as const;
const running = { phase: "Running", message: "running nginx:alpine" } as const;
const pulling = { phase: "Pulling", message: "pulling nginx:alpine (40 %)" } as const;
const blocked = { phase: "Blocked", message: "port 8080 is held by sshd" } as const;

const TABLE: readonly [string, Partial<AgentState>, string][] = [
  ["nothing", {}, "connected to NATS central:4222, no deployments"],
  ["all run", { deployments: new Map([["a", running]]) }, "connected to NATS central:4222, 1 of 1 deployment running"],
  [
    "one is on its way",
    {
      deployments: new Map<string, typeof running | typeof pulling>([
        ["a", running],
        ["b", running],
        ["hello-world", pulling],
      ]),
    },
    "connected to NATS central:4222, 2 of 3 deployments running; hello-world: pulling nginx:alpine (40 %)",
  ],
  [
    "what is wrong comes first",
    {
      deployments: new Map<string, typeof pulling | typeof blocked>([
        ["a", pulling],
        ["b", pulling],
        ["z", blocked],
      ]),
    },
    "connected to NATS central:4222, 0 of 3 deployments running; z: port 8080 is held by sshd; a: pulling nginx:alpine (40 %); 1 more, see iot-agent status",
  ],
  [
    "not connected",
    { connection: lost, deployments: new Map([["a", running]]) },
    "cannot connect to NATS at nats://central:4222: the host name cannot be resolved; …; 1 of 1 deployment running",
  ],
  [
    "a problem of the whole device",
    { deployments: new Map([["a", running]]), problem: { message: "cannot see what runs on this device" } },
    "connected to NATS central:4222, 1 of 1 deployment running; cannot see what runs on this device",
  ],
];

test("long sentences are cut, so that each has a place within the 400 characters that systemd is sent", () => {
  const long = { phase: "Blocked", message: "long ".repeat(100) } as const;
  const sentence = statusSentence({
    connection: { ...lost, message: `cannot connect to NATS ${"long ".repeat(100)}` },
    deployments: new Map<string, typeof long | typeof blocked>([
      ["x".repeat(63), long],
      ["b", blocked],
    ]),
    problem: undefined,
  });
  expect(sentence).toMatch(/^cannot connect to NATS (long )+.*…; 0 of 2 deployments running; b: port 8080 is held by sshd; x+: lo.*…$/);
  expect(sentence.length).toBeLessThanOrEqual(400);
});

test.each(TABLE)("%s", (_, agentState, sentence) => {
  expect(statusSentence({ connection: connected, deployments: new Map(), problem: undefined, ...agentState })).toBe(sentence);
});
