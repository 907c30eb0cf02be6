import { describe, expect, test } from "vitest";
import { connectServiceManager, notifyFd } from "./service-manager.ts";

describe("the descriptor that systemd opened", () => {
  test.each([
    ["ours", { LISTEN_PID: "7", LISTEN_FDNAMES: "notify" }, 3],
    ["among others", { LISTEN_PID: "7", LISTEN_FDNAMES: "api:notify" }, 4],
    ["another process's", { LISTEN_PID: "8", LISTEN_FDNAMES: "notify" }, null],
    ["none", {}, null],
  ])("%s", (_, env, fd) => {
    expect(notifyFd(env, 7)).toBe(fd);
  });
});

function manager(env: Record<string, string> = {}) {
  const sent: string[] = [];
  const send = (message: string): Promise<void> => {
    sent.push(message);
    return Promise.resolve();
  };
  return { sent, systemd: connectServiceManager(env, { pid: 7, send }) };
}

test("the same sentence is sent once, on one line, and not without end", async () => {
  const { sent, systemd } = manager();
  systemd.ready();
  systemd.status("connected\n  to NATS");
  systemd.status("connected to NATS");
  systemd.status("x".repeat(1_000));
  await systemd.misconfigured("config.toml: wrong");
  expect(sent.slice(0, 2)).toEqual(["READY=1", "STATUS=connected to NATS"]);
  expect(sent[2]).toHaveLength("STATUS=".length + 400);
  expect(sent.slice(3)).toEqual(["STATUS=config.toml: wrong\nERRNO=22"]);
});

test.each([
  [{ WATCHDOG_USEC: "120000000", WATCHDOG_PID: "7" }, 120_000],
  [{ WATCHDOG_USEC: "120000000" }, 120_000],
  [{ WATCHDOG_USEC: "120000000", WATCHDOG_PID: "8" }, null],
  [{}, null],
])("watchdog of %j", (env, expected) => {
  expect(manager(env).systemd.watchdogMs).toBe(expected);
});
