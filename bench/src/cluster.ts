// Measures how a fan-out goes on when the server that leads the bucket is killed in the middle of
// it: three servers, each bucket on all three. The baseline is a bare client in the same run, which
// writes as many texts to a stream of its own that the same server led, and tries each again until
// it is acknowledged. Each stream elects its own leader, so each is measured from its own election.

import { jetstream, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { systemClock } from "@harmony/runtime";
import { type ClusterServer, eventually, makeGitRepository, type NatsCluster, startNatsCluster, startOperatorProcess } from "@iot/testkit";
import { type Figure, type Measurement, ms, percentile } from "./measurement.ts";

const DEVICES = 1_000;
const STREAM = "KV_desired-state";
const BARE = "bare";
const ROUNDS = 5;
const TARGET_MS = 1_000;
const BARE_AT_ONCE = 64;
const BARE_TRY_AGAIN_MS = 100;

interface Round {
  readonly electedMs: number;
  readonly oursMs: number;
  readonly bareElectedMs: number;
  readonly bareMs: number;
}

export const cluster: Measurement = {
  name: "cluster",
  takesMinutes: 3,
  async run(): Promise<readonly Figure[]> {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await startNatsCluster());
    const repository = stack.use(await makeGitRepository());
    await repository.commit({ "deployment.yaml": yaml(0) });
    await repository.push();
    const operator = await startOperatorProcess({
      NATS_URL: nats.urls.join(","),
      IOT_GIT_URL: repository.url,
      IOT_SOURCE_ID: "git:bench",
      IOT_BUCKET_REPLICAS: String(nats.servers.length),
    });
    stack.defer(() => operator.stop());
    await addBareStream(nats);
    const rounds: Round[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) rounds.push(await killTheLeader(round, { nats, repository }));
    const over = rounds.map(({ oursMs, electedMs }) => oursMs - electedMs);
    const bareOver = rounds.map(({ bareMs, bareElectedMs }) => bareMs - bareElectedMs);
    const all = (of: (round: Round) => number): string => rounds.map((round) => (of(round) / 1_000).toFixed(1)).join(", ");
    const worst = (of: (round: Round) => number): number => Math.max(...rounds.map(of));
    return [
      {
        what: `three servers, ${DEVICES} devices, the leader killed in the middle of a change to all: another leads → all have it`,
        target: "≤ 1 s at worst",
        measured: `p50 ${ms(percentile(over, 50))}, ${ms(Math.max(...over))} at worst (killed → another leads: ${all(({ electedMs }) => electedMs)} s; → all have it: ${all(({ oursMs }) => oursMs)} s)`,
        baseline: `a bare client that writes as much and tries again: p50 ${ms(percentile(bareOver, 50))}, ${ms(Math.max(...bareOver))} at worst (its stream's leader: ${all(({ bareElectedMs }) => bareElectedMs)} s; → all written: ${all(({ bareMs }) => bareMs)} s)`,
        met: Math.max(...over) <= Math.max(TARGET_MS, ...bareOver),
        numbers: {
          overP50Ms: percentile(over, 50),
          overMs: Math.max(...over),
          bareOverP50Ms: percentile(bareOver, 50),
          bareOverMs: Math.max(...bareOver),
          oursMs: worst(({ oursMs }) => oursMs),
          electedMs: worst(({ electedMs }) => electedMs),
          bareMs: worst(({ bareMs }) => bareMs),
          rounds: ROUNDS,
        },
      },
    ];
  },
};

async function addBareStream(nats: NatsCluster): Promise<void> {
  const connection = await connect({ servers: [...nats.urls] });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: BARE, subjects: [`${BARE}.>`], num_replicas: nats.servers.length, max_msgs_per_subject: 1 });
  await connection.close();
}

async function killTheLeader(
  version: number,
  { nats, repository }: { readonly nats: NatsCluster; readonly repository: Awaited<ReturnType<typeof makeGitRepository>> },
): Promise<Round> {
  await using stack = new AsyncDisposableStack();
  await nats.whole();
  const killed = await ledByOne(nats);
  // Whoever looks is connected to none that is killed.
  const connection = await connect({ servers: nats.urls.filter((url) => url !== killed.url) });
  stack.defer(() => connection.close());
  const manager = await jetstreamManager(connection, { timeout: 1_000 });
  const bare = await BareWriter.start(nats.urls);
  stack.defer(() => bare.close());
  const before = await lastOf(manager, STREAM);
  await repository.commit({ "deployment.yaml": yaml(version) });
  await repository.push();
  const hasBegun = async (): Promise<boolean> => (await lastOf(manager, STREAM)) > before + 50;
  await eventually(hasBegun, { what: "the fan-out began", intervalMs: 2, timeoutMs: 60_000 });
  const bareWritten = bare.write(2 * DEVICES);
  await bare.first;
  await killed.kill();
  const start = performance.now();
  const since = (): number => performance.now() - start;
  const elected = (stream: string): Promise<number> => {
    const isLed = async (): Promise<boolean> => !["", killed.name].includes((await manager.streams.info(stream)).cluster?.leader ?? "");
    return eventually(isLed, { what: `another leads ${stream}`, timeoutMs: 60_000, intervalMs: 20 }).then(since);
  };
  const isEverywhere = async (): Promise<boolean> => (await lastOf(manager, STREAM)) >= before + 2 * DEVICES;
  const [electedMs, bareElectedMs, oursMs, bareMs] = await Promise.all([
    elected(STREAM),
    elected(BARE),
    eventually(isEverywhere, { what: "all have it", timeoutMs: 60_000, intervalMs: 20 }).then(since),
    bareWritten.then(since),
  ]);
  await killed.start();
  return { electedMs, oursMs, bareElectedMs, bareMs };
}

/** The server that leads both streams. */
async function ledByOne({ servers, urls }: NatsCluster): Promise<ClusterServer> {
  const connection = await connect({ servers: [...urls] });
  const manager = await jetstreamManager(connection);
  const leaderOf = async (stream: string): Promise<string> => (await manager.streams.info(stream)).cluster?.leader ?? "";
  const name = await leaderOf(STREAM);
  const request = JSON.stringify({ placement: { preferred: name } });
  const isSame = async (): Promise<boolean> => {
    if ((await leaderOf(BARE)) === name) return true;
    await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${BARE}`, request);
    return false;
  };
  await eventually(isSame, { what: `${name} leads both`, timeoutMs: 60_000, intervalMs: 500 });
  await connection.close();
  const server = servers.find((one) => one.name === name);
  if (server === undefined) throw new Error(`there is no leader, but ${JSON.stringify(name)}`);
  return server;
}

async function lastOf(manager: JetStreamManager, stream: string): Promise<number> {
  return (await manager.streams.info(stream)).state.last_seq;
}

/** Some writes on their way at once, each tried again until it is acknowledged. */
class BareWriter {
  readonly #connection: Awaited<ReturnType<typeof connect>>;
  readonly #first = Promise.withResolvers<void>();

  private constructor(connection: Awaited<ReturnType<typeof connect>>) {
    this.#connection = connection;
  }

  static async start(urls: readonly string[]): Promise<BareWriter> {
    const settings = { reconnectTimeWait: BARE_TRY_AGAIN_MS, reconnectJitter: 0, maxReconnectAttempts: -1 };
    return new BareWriter(await connect({ servers: [...urls], ...settings }));
  }

  get first(): Promise<void> {
    return this.#first.promise;
  }

  async write(count: number): Promise<void> {
    const js = jetstream(this.#connection);
    let next = 0;
    const text = yaml(0).slice(-400);
    const worker = async (): Promise<void> => {
      while (next < count) {
        const subject = `${BARE}.${next}`;
        next += 1;
        while (
          !(await js.publish(subject, text, { timeout: 1_000 }).then(
            () => true,
            () => false,
          ))
        )
          await systemClock.sleep(BARE_TRY_AGAIN_MS);
        this.#first.resolve();
      }
    };
    await Promise.all(Array.from({ length: BARE_AT_ONCE }, worker));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
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
