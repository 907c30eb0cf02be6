// Measures how a fan-out goes on when the server that leads the bucket is killed in the middle of
// it: three servers, each bucket on all three. The baseline is the servers' own election, as a bare
// client sees it in the same run: no operator can be sooner.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { eventually, freePort, makeGitRepository, type NatsServer, startNats, startOperatorProcess } from "@iot/testkit";
import { type Figure, type Measurement, ms } from "./measurement.ts";

const DEVICES = 1_000;
const SERVERS = ["n1", "n2", "n3"];
const STREAM = "KV_desired-state";
const ROUNDS = 3;
const TARGET_MS = 5_000;

export const cluster: Measurement = {
  name: "cluster",
  takesMinutes: 3,
  async run(): Promise<readonly Figure[]> {
    await using stack = new AsyncDisposableStack();
    const servers = await startCluster(stack);
    const repository = stack.use(await makeGitRepository());
    await repository.commit({ "deployment.yaml": yaml(0) });
    await repository.push();
    const operator = await startOperatorProcess({
      NATS_URL: servers.map(({ url }) => url).join(","),
      IOT_GIT_URL: repository.url,
      IOT_SOURCE_ID: "git:bench",
      IOT_BUCKET_REPLICAS: "3",
    });
    stack.defer(() => operator.stop());
    const rounds: { oursMs: number; bareMs: number; failedPasses: number }[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) rounds.push(await fanOut(round, { servers, repository, operator }));
    const worst = (of: (one: (typeof rounds)[number]) => number): number => Math.max(...rounds.map(of));
    const overMs = worst(({ oursMs, bareMs }) => oursMs - bareMs);
    const allMs = worst(({ oursMs }) => oursMs);
    return [
      {
        what: `three servers, ${DEVICES} devices, the leader killed in the middle of a change to all: killed → all have it`,
        target: "≤ 5 s",
        measured: `${ms(allMs)} at worst, ${ms(overMs)} after the election (${ROUNDS} rounds, ${worst(({ failedPasses }) => failedPasses)} failed passes at most)`,
        baseline: `killed → another leads, seen by a bare client: ${rounds.map(({ bareMs }) => ms(bareMs)).join(", ")}`,
        met: allMs <= TARGET_MS,
        numbers: { overMs, oursMs: allMs, bareMs: worst(({ bareMs }) => bareMs), rounds: ROUNDS },
      },
    ];
  },
};

async function fanOut(
  version: number,
  {
    servers,
    repository,
    operator,
  }: { servers: readonly NatsServer[]; repository: Awaited<ReturnType<typeof makeGitRepository>>; operator: { readonly port: number } },
): Promise<{ oursMs: number; bareMs: number; failedPasses: number }> {
  await using stack = new AsyncDisposableStack();
  const connection = await connect({ servers: servers.map(({ url }) => url) });
  stack.defer(() => connection.close());
  const manager = await jetstreamManager(connection, { timeout: 1_000 });
  const has = async (): Promise<number> => (await manager.streams.info(STREAM)).state.last_seq;
  const failedBefore = await failures(operator.port);
  const lastBefore = await has();
  await repository.commit({ "deployment.yaml": yaml(version) });
  await repository.push();
  await eventually(async () => (await has()) > lastBefore + 50, { what: "the fan-out began", intervalMs: 5, timeoutMs: 60_000 });
  const leader = (await manager.streams.info(STREAM)).cluster?.leader ?? "";
  const killed = servers[SERVERS.indexOf(leader)];
  if (killed === undefined) throw new Error(`there is no leader, but ${JSON.stringify(leader)}`);
  await killed.kill();
  const start = performance.now();
  const leads = async (): Promise<boolean> => !["", leader].includes((await manager.streams.info(STREAM)).cluster?.leader ?? "");
  const bare = eventually(leads, { what: "another server leads", timeoutMs: 60_000, intervalMs: 20 }).then(() => performance.now() - start);
  await eventually(async () => (await has()) >= lastBefore + 2 * DEVICES, { what: "all have it", timeoutMs: 60_000, intervalMs: 20 });
  const oursMs = performance.now() - start;
  const bareMs = await bare;
  await killed.start();
  return { oursMs, bareMs, failedPasses: (await failures(operator.port)) - failedBefore };
}

async function failures(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^iot_operator_failures_total (\d+)/m.exec(text)?.[1] ?? 0);
}

async function startCluster(stack: AsyncDisposableStack): Promise<NatsServer[]> {
  const ports = await Promise.all(SERVERS.map(() => freePort()));
  const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(", ");
  const servers = await Promise.all(
    SERVERS.map((name, index) =>
      startNats({ config: `server_name: ${name}\ncluster { name: bench, listen: "127.0.0.1:${ports[index]}", routes: [${routes}] }` }),
    ),
  );
  for (const server of servers) stack.use(server);
  return servers;
}

function yaml(version: number): string {
  return `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: { name: web }
spec:
  targetDevices: [${Array.from({ length: DEVICES }, (_, index) => `device-${index}`).join(", ")}]
  score: { type: PodmanV0, data: { services: [{ name: web, image: "registry.example.org/web:1.${version}" }] } }
`;
}
