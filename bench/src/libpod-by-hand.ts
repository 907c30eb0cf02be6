// The baseline: starts the same container by hand, with the fewest libpod calls that do it, which
// are two.

import { Agent, request } from "node:http";

const MAX_TRIES = 50;

export class LibpodByHand {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async run(options: { name: string; image: string; hostPort: number; containerPort: number }): Promise<void> {
    const { name, image, hostPort, containerPort } = options;
    await this.#call("POST", "/containers/create", { name, image, portmappings: [{ host_port: hostPort, container_port: containerPort }] });
    // pasta frees a port some milliseconds after the container that had it is gone. A person would
    // try again by hand, too.
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#call("POST", `/containers/${name}/start`);
      } catch (error) {
        if (tries === MAX_TRIES || !String(error).includes("Address already in use")) throw error;
      }
    }
  }

  async remove(name: string): Promise<void> {
    await this.#call("DELETE", `/containers/${name}?force=true&timeout=1`);
  }

  #call(method: string, path: string, body?: unknown): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const call = request(
      { socketPath: this.#socketPath, agent: this.#agent, method, path: `/v4.0.0/libpod${path}`, headers },
      (response) => {
        let answer = "";
        response.on("data", (chunk: Buffer) => (answer += chunk.toString()));
        response.on("end", () =>
          (response.statusCode ?? 500) < 300 ? resolve() : reject(new Error(`libpod ${method} ${path}: ${response.statusCode} ${answer}`)),
        );
      },
    );
    call.on("error", reject);
    call.end(text);
    return promise;
  }
}
