// Finds a TCP port that nobody listens on. It lies below the range from which the system gives
// ports to outgoing connections, so that a server which is stopped and started again finds its port
// still free.

import { createServer } from "node:net";
import { randomInt } from "node:crypto";

export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(host, port)) return port;
  }
  throw new Error(`failed to find a free port on ${host}: fifty at random between 20000 and 32000 were taken`);
}

function isFree(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}
