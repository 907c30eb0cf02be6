// The operator's own HTTP: /healthz (the process answers), /readyz (connected, the buckets
// followed, the source read, the last pass ended; and if not why), /metrics in Prometheus' text
// format, and POST /hooks/git (the source may have changed: read now). It carries nothing that a
// stranger could use: a hook is a hint, and hints merge. The metrics are written by hand: a dozen
// lines against a dependency of its own registry and collectors.

import { createServer, type Server } from "node:http";
import { visibleJson } from "@harmony/core";
import { sourceProblem, type Vitals, writeProblem } from "./vitals.ts";

export interface HttpOptions {
  /** 0: chosen by the operating system. */
  readonly port: number;
  readonly vitals: Vitals;
  readonly onHook: () => void;
  readonly now?: () => number;
}

export async function serveHttp(options: HttpOptions): Promise<{ port: number; close(): Promise<void> }> {
  const { vitals, onHook, now = () => Date.now() } = options;
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
      const state = readiness(vitals);
      return answer(state.ready ? 200 : 503, "application/json", visibleJson(state));
    }
    if (path === "/metrics") return answer(200, "text/plain; version=0.0.4", metrics(vitals, now()));
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
 * A commit that is not followed, removals that are held or lost and a report that failed are said,
 * and all that can be served is.
 */
export function readiness(vitals: Vitals): { ready: boolean; version: string | null; problems: string[] } {
  const { nats, inStep, sourceReadable, ownerProblem, claimProblem, passProblem, reportProblem, storeProblem, held, lost } = vitals;
  const bucketProblem = nats === null ? vitals.bucketProblem() : null;
  const own = [sourceProblem(vitals), ownerProblem, vitals.otherOwners, claimProblem, passProblem, storeProblem, reportProblem, held, lost];
  const all = [nats === null ? null : `NATS: ${nats}`, bucketProblem, ...own];
  const problems = all.filter((problem) => problem !== null);
  const ready =
    nats === null &&
    bucketProblem === null &&
    sourceReadable &&
    vitals.sourceHealth() === null &&
    ownerProblem === null &&
    passProblem === null &&
    storeProblem === null &&
    inStep;
  return { ready, version: vitals.sourceVersion, problems };
}

function metrics(vitals: Vitals, nowMs: number): string {
  const { lastSourceReadAtMs } = vitals;
  const lines: [name: string, type: "gauge" | "counter", help: string, value: number][] = [
    ["iot_operator_deployments", "gauge", "Deployments that the source has and that can be served.", vitals.deployments],
    ["iot_operator_devices", "gauge", "Devices that have a manifest.", vitals.devices],
    ["iot_operator_foreign_keys", "gauge", "Keys in the bucket that are nobody's.", vitals.foreignKeys],
    ["iot_operator_writes_total", "counter", "Writes to the bucket of desired state.", vitals.writes],
    ["iot_operator_conflicts_total", "counter", "Writes refused because somebody else had written.", vitals.conflicts],
    ["iot_operator_passes_total", "counter", "Passes over all Deployments.", vitals.passes],
    ["iot_operator_failures_total", "counter", "Passes that ended in an error.", vitals.failures],
    ["iot_operator_nats_connected", "gauge", "1 when connected to NATS.", vitals.nats === null ? 1 : 0],
    ["iot_operator_buckets_followed", "gauge", "1 when the buckets are followed.", vitals.bucketProblem() === null ? 1 : 0],
    [
      "iot_operator_source_readable",
      "gauge",
      "1 when the newest version of the source is followed.",
      sourceProblem(vitals) === null ? 1 : 0,
    ],
    ["iot_operator_source_writable", "gauge", "1 when the source takes finalizers and status.", writeProblem(vitals) === null ? 1 : 0],
    ["iot_operator_store_full", "gauge", "1 when NATS takes no more for want of room.", vitals.storeProblem === null ? 0 : 1],
    ["iot_operator_removals_held", "gauge", "Removals that wait for a person's word.", vitals.heldRemovals],
    ["iot_operator_entries_lost", "gauge", "Entries that the source no longer has and whose deletion was not seen.", vitals.lostEntries],
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
