// However much happens at once, and though every Event is refused: what is tried is bounded, the
// refusal is reported once, and who announces is not held up.

import { createLog, systemClock } from "@harmony/runtime";
import { KubernetesError, type KubernetesConnection } from "@harmony/kube-api";
import { eventually } from "@iot/testkit";
import { expect, test } from "vitest";
import { announcer } from "./events.ts";
import { DEPLOYMENTS } from "./kubernetes-source.ts";

test("of ten thousand at once a hundred are tried, each refused, and one warning is reported", async () => {
  const asked: string[] = [];
  const refusing: KubernetesConnection = {
    server: "https://127.0.0.1",
    request: ({ path, what }) => {
      asked.push(path);
      return Promise.reject(new KubernetesError("Forbidden", `failed to ${what}: 403`));
    },
    stream: () => Promise.reject(new Error("nobody watches Events")),
    close: () => undefined,
  };
  const lines: string[] = [];
  const log = createLog({ name: "operator", format: "text", write: (line) => void lines.push(line) });
  const { signal } = new AbortController();
  const announce = announcer({ connection: refusing, type: DEPLOYMENTS, manager: "test", log, signal, clock: systemClock });
  announce(
    Array.from({ length: 10_000 }, (_, index) => ({
      uid: `u${index}`,
      namespace: "default",
      name: `d${index}`,
      isWarning: true,
      reason: "RemovalHeld",
      message: "it is held",
    })),
  );
  await eventually(() => asked.length >= 100);
  expect(new Set(asked).size).toBe(100);
  expect(lines.filter((line) => line.includes("cannot write an Event"))).toHaveLength(1);
  expect(lines.filter((line) => line.includes("too much happened at once"))).toHaveLength(1);
});
