// What /readyz says, by what is wrong.

import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { readiness, serveHttp } from "./http.ts";
import { newHealth, type Health } from "./health.ts";

const serving: Health = { ...newHealth(), nats: null, sourceReadable: true, inStep: true, sourceVersion: "7" };

const cases: [string, Partial<Health>, boolean, string[]][] = [
  ["all is well", {}, true, []],
  ["NATS is away", { nats: "it is away" }, false, ["NATS: it is away"]],
  ["NATS is away, and so nobody follows the buckets", { nats: "it is away", bucketProblem: () => "deaf" }, false, ["NATS: it is away"]],
  ["a bucket is not followed", { bucketProblem: () => "deaf" }, false, ["deaf"]],
  ["no pass has come to its end", { inStep: false }, false, []],
  ["the last pass failed", { passProblem: "failed" }, false, ["failed"]],
  ["the source cannot be read", { sourceReadable: false, sourceProblem: "no such branch" }, false, ["no such branch"]],
  ["a commit is not followed", { sourceProblem: "a.yaml:3: wrong" }, true, ["a.yaml:3: wrong"]],
  ["a report failed", { reportProblem: "refused" }, true, ["refused"]],
  ["the source is silent", { sourceHealth: () => "no answer" }, false, ["no answer"]],
  ["removals are held", { held: "confirm" }, true, ["confirm"]],
  ["entries are lost", { lost: "put them back" }, true, ["put them back"]],
  ["objects cannot be claimed", { claimProblem: "forbidden" }, true, ["forbidden"]],
  ["a device is given more than NATS takes", { refused: "too large" }, true, ["too large"]],
  ["another's source", { ownerProblem: "OtherCluster" }, false, ["OtherCluster"]],
];

test.each(cases)("%s", (_what, health, ready, problems) => {
  expect(readiness({ ...serving, ...health })).toEqual({ ready, version: "7", problems });
});

/** Sends these bytes, and gives the first line of the answer; empty: the connection was closed. */
function sent(port: number, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  socket.on("close", () => resolve(text.split("\r\n")[0] ?? "")).on("error", () => undefined);
  return promise;
}

test("odd requests are refused, cost nothing, and start no reading", async () => {
  let hooks = 0;
  const { port, close } = await serveHttp({ port: 0, health: serving, onHook: () => void (hooks += 1) });
  onTestFinished(close);
  const odd: [request: string, answer: RegExp][] = [
    ["GET /hooks/git HTTP/1.1", /404/],
    ["PUT /hooks/git HTTP/1.1", /405/],
    ["POST /hooks/git/ HTTP/1.1", /405/],
    ["POST /hooks/%67it HTTP/1.1", /405/],
    ["POST //hooks/git HTTP/1.1", /405/],
    ["POST http://elsewhere/hooks/git HTTP/1.1", /405/],
    ["OPTIONS * HTTP/1.1", /405/],
    ["GET /../../etc/passwd HTTP/1.1", /404/],
    ["GET /readyz%00 HTTP/1.1", /404/],
    [`GET /${"a".repeat(100_000)} HTTP/1.1`, /431/],
    [`GET /healthz HTTP/1.1\r\nx: ${"a".repeat(100_000)}`, /431/],
    ["NONSENSE / HTTP/1.1", /400/],
    ["GET /healthz HTTP/9.9", /400|505/],
    ["\u0016\u0003\u0001", /400/],
    ["GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", /400/],
  ];
  for (const [request, answer] of odd) expect(await sent(port, `${request}\r\nHost: a\r\nConnection: close\r\n\r\n`)).toMatch(answer);
  expect(hooks).toBe(0);
  const large = await fetch(`http://127.0.0.1:${port}/hooks/git?token=x`, { method: "POST", body: "x".repeat(5_000_000) });
  expect([large.status, hooks]).toEqual([202, 1]);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
});
