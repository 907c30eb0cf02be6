// The operator's own HTTP: /healthz (the process answers), /readyz (connected, the buckets
// followed, the source read, the last pass ended; and if not why), /metrics in Prometheus' text
// format, and POST /hooks/git (the source may have changed: read now). It carries nothing that a
// stranger could use: a hook is a hint, and hints merge. The metrics are written by hand: a dozen
// lines against a dependency of its own registry and collectors.

import { createServer, type Server } from "node:http";
import { visibleJson } from "@harmony/core";
import { sourceProblem, storeProblem, type Health, writeProblem } from "./health.ts";

export interface HttpOptions {
  /** 0: chosen by the operating system. */
  readonly port: number;
  readonly health: Health;
  readonly onHook: () => void;
  readonly now?: () => number;
}

export async function serveHttp(options: HttpOptions): Promise<{ port: number; close(): Promise<void> }> {
  const { health, onHook, now = () => Date.now() } = options;
  const server = createServer((request, response) => {
    const path = request.url?.split("?", 1)[0];
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
    };
    request.resume();
    if (path === "/hooks/git" && request.method === "POST") {
      onHook();
      return answer(202, "text/plain", "reading\n");
    }
    if (request.method !== "GET" && request.method !== "HEAD") return answer(405, "text/plain", "method not allowed\n");
    if (path === "/healthz") return answer(200, "text/plain", "ok\n");
    if (path === "/readyz") {
      const state = readiness(health);
      return answer(state.ready ? 200 : 503, "application/json", visibleJson(state));
    }
    if (path === "/metrics") return answer(200, "text/plain; version=0.0.4", metrics(health, now()));
    return answer(404, "text/plain", "there is /healthz, /readyz, /metrics and POST /hooks/git\n");
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, resolve);
  });
  return { port: portOf(server), close: () => closed(server) };
}

/**
 * A commit that is not followed, removals that are held or lost, a device that is given too much
 * and a report that failed are said, and all that can be served is.
 */
export function readiness(health: Health): { ready: boolean; version: string | null; problems: string[] } {
  const { nats, inStep, sourceReadable, ownerProblem, claimProblem, deviceProblem, passProblem, reportProblem, held, lost } = health;
  const bucketProblem = nats === null ? health.bucketProblem() : null;
  const own = [
    sourceProblem(health),
    ownerProblem,
    health.otherOwners,
    claimProblem,
    deviceProblem,
    passProblem,
    storeProblem(health),
    health.refused,
    reportProblem,
    held,
    lost,
  ];
  const all = [nats === null ? null : `NATS: ${nats}`, bucketProblem, ...own];
  const problems = all.filter((problem) => problem !== null);
  const ready =
    nats === null &&
    bucketProblem === null &&
    sourceReadable &&
    health.sourceHealth() === null &&
    ownerProblem === null &&
    passProblem === null &&
    storeProblem(health) === null &&
    inStep;
  return { ready, version: health.sourceVersion, problems };
}

function metrics(health: Health, nowMs: number): string {
  const { lastSourceReadAtMs } = health;
  const lines: [name: string, type: "gauge" | "counter", help: string, value: number][] = [
    ["iot_operator_deployments", "gauge", "Deployments that the source has and that can be served.", health.deployments],
    ["iot_operator_devices", "gauge", "Devices that have a manifest.", health.devices],
    ["iot_operator_foreign_keys", "gauge", "Keys in the bucket that are nobody's.", health.foreignKeys],
    ["iot_operator_writes_total", "counter", "Writes to the bucket of desired state.", health.writes],
    ["iot_operator_conflicts_total", "counter", "Writes refused because somebody else had written.", health.conflicts],
    ["iot_operator_passes_total", "counter", "Passes over all Deployments.", health.passes],
    ["iot_operator_failures_total", "counter", "Passes that ended in an error.", health.failures],
    ["iot_operator_nats_connected", "gauge", "1 when connected to NATS.", health.nats === null ? 1 : 0],
    ["iot_operator_buckets_followed", "gauge", "1 when the buckets are followed.", health.bucketProblem() === null ? 1 : 0],
    [
      "iot_operator_source_readable",
      "gauge",
      "1 when the newest version of the source is followed.",
      health.sourceReadable && sourceProblem(health) === null ? 1 : 0,
    ],
    ["iot_operator_source_writable", "gauge", "1 when the source takes finalizers and status.", writeProblem(health) === null ? 1 : 0],
    ["iot_operator_store_full", "gauge", "1 when NATS takes no more for want of room.", storeProblem(health) === null ? 0 : 1],
    [
      "iot_operator_devices_refused",
      "gauge",
      "Devices whose manifest NATS does not take, as one that is too large.",
      health.refusedDevices,
    ],
    ["iot_operator_removals_held", "gauge", "Removals that wait for a person's word.", health.heldRemovals],
    ["iot_operator_entries_lost", "gauge", "Entries that the source no longer has and whose deletion was not seen.", health.lostEntries],
  ];
  if (lastSourceReadAtMs !== null) {
    lines.push([
      "iot_operator_source_read_age_seconds",
      "gauge",
      "Since the source was last read.",
      Math.max(0, nowMs - lastSourceReadAtMs) / 1_000,
    ]);
  }
  return lines.map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`).join("");
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function closed(server: Server): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await done;
}
