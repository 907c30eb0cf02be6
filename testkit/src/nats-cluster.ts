// Three nats-servers that are one cluster, on loopback: each bucket can stand on all of them, and
// the one that leads it can be killed.

import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { type NatsServer, startNats } from "./nats.ts";

const NAMES = ["n1", "n2", "n3"];

export interface ClusterServer extends NatsServer {
  readonly name: string;
}

export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly ClusterServer[];
  readonly urls: readonly string[];
  /** Resolves when all run, and each has what the others have. */
  whole(): Promise<void>;
}

export async function startNatsCluster(): Promise<NatsCluster> {
  await using stack = new AsyncDisposableStack();
  const ports = await Promise.all(NAMES.map(() => freePort()));
  const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(", ");
  const configOf = (name: string, index: number): string =>
    `server_name: ${name}\ncluster { name: test, listen: "127.0.0.1:${ports[index]}", routes: [${routes}] }`;
  const started = await Promise.all(NAMES.map((name, index) => startNats({ config: configOf(name, index) })));
  const servers = started.map((server, index): ClusterServer => stack.use(Object.assign(server, { name: NAMES[index] ?? "" })));
  const whole = async (): Promise<void> => {
    for (const { monitorUrl, name } of servers) {
      const isHealthy = async (): Promise<true> => {
        const answer = await fetch(`${monitorUrl}/healthz`);
        return answer.ok || Promise.reject(new Error(await answer.text()));
      };
      await eventually(isHealthy, { what: `${name} has what the others have`, timeoutMs: 60_000 });
    }
  };
  await whole();
  const kept = stack.move();
  return {
    servers,
    urls: servers.map(({ url }) => url),
    whole,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
