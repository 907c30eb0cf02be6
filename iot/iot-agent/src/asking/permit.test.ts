import { describe, expect, test } from "vitest";
import { REMOTE_DEFAULT } from "../config/config.ts";
import { type Asked, type OpenSession, refusalOf } from "./permit.ts";

const session = (verb: OpenSession["verb"], id = "1"): OpenSession => ({ id, verb, user: "bob", since: "2026-01-31T10:00:00.000Z" });
const asked = (more: Partial<Asked> = {}): Asked => ({
  verb: "logs",
  by: { user: "alice" },
  remote: REMOTE_DEFAULT,
  configFile: "/etc/iot-agent/config.toml",
  isShared: false,
  open: [],
  ...more,
});
const reasonOf = (more: Partial<Asked>): string | null => refusalOf(asked(more))?.reason ?? null;

describe("by default", () => {
  test.each([
    ["ping", null],
    ["explain", null],
    ["doctor", null],
    ["logs", null],
    ["retry", null],
    ["refresh", null],
    ["hold", null],
    ["release", null],
    ["exec", "NotPermitted"],
    ["forward", "UnknownVerb"],
    ["", "UnknownVerb"],
    ["constructor", "UnknownVerb"],
  ])("%s is %s", (verb, reason) => {
    expect(reasonOf({ verb })).toBe(reason);
  });
});

test.each<[string, Partial<Asked>, string | null]>([
  ["nobody knows who asks", { by: null }, "UnknownCaller"],
  [
    "nobody knows who asks, whatever is permitted",
    { by: null, verb: "exec", remote: { logs: true, exec: true, users: null } },
    "UnknownCaller",
  ],
  ["others are named", { remote: { ...REMOTE_DEFAULT, users: ["bob"] } }, "NotPermitted"],
  ["nobody is named", { verb: "ping", remote: { ...REMOTE_DEFAULT, users: [] } }, "NotPermitted"],
  ["she is named", { remote: { ...REMOTE_DEFAULT, users: ["bob", "alice"] } }, null],
  ["logs are closed", { remote: { ...REMOTE_DEFAULT, logs: false } }, "NotPermitted"],
  ["logs are closed, and doctor with them", { verb: "doctor", remote: { ...REMOTE_DEFAULT, logs: false } }, "NotPermitted"],
  ["logs are closed, and ping is not", { verb: "ping", remote: { ...REMOTE_DEFAULT, logs: false } }, null],
  ["commands are opened", { verb: "exec", remote: { ...REMOTE_DEFAULT, exec: true } }, null],
  [
    "commands are opened with a shared credential",
    { verb: "exec", remote: { ...REMOTE_DEFAULT, exec: true }, isShared: true },
    "SharedCredential",
  ],
  ["a log with a shared credential", { isShared: true }, null],
  [
    "there are two commands",
    { verb: "exec", remote: { ...REMOTE_DEFAULT, exec: true }, open: [session("exec"), session("exec", "2")] },
    "TooManySessions",
  ],
  ["there are two commands, and a log is asked for", { open: [session("exec"), session("exec", "2")] }, null],
  ["there are eight sessions", { open: Array.from({ length: 8 }, () => session("logs")) }, "TooManySessions"],
  ["there are eight sessions, and a ping", { verb: "ping", open: Array.from({ length: 8 }, () => session("logs")) }, null],
])("when %s", (_what, more, reason) => {
  expect(reasonOf(more)).toBe(reason);
});

test("too many sessions are named, with whose they are and since when", () => {
  const refusal = refusalOf(asked({ open: Array.from({ length: 8 }, () => session("logs")) }));
  expect(refusal?.message).toContain("logs of bob since 2026-01-31T10:00:00.000Z");
});
