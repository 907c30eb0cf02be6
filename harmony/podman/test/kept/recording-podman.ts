// A socket that takes the requests to Podman and records them, byte for byte. It is no model of
// Podman: it lists nothing that was made, and an image exists once it was pulled.

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";

export interface RecordingPodman extends AsyncDisposable {
  /** Each request that changes something, in order: `POST /path` and its body. */
  readonly requests: readonly { readonly request: string; readonly body: string }[];
}

const INFO = {
  host: { arch: "arm64", cgroupControllers: ["cpu", "memory", "pids"] },
  store: { graphRoot: "/var/lib/containers/storage" },
  version: { Version: "5.4.2" },
};

export async function startRecordingPodman(options: {
  readonly socketPath: string;
  /** Called with each request before it is answered. */
  readonly onRequest: (request: string) => void;
}): Promise<RecordingPodman> {
  const requests: { request: string; body: string }[] = [];
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const { method = "", url = "" } = request;
      if (method !== "GET") {
        requests.push({ request: `${method} ${url}`, body });
        options.onRequest(`${method} ${url}`);
        return response.writeHead(201, { "content-type": "application/json" }).end("{}\n");
      }
      const answer = answerTo(
        url,
        requests.map((each) => each.request),
      );
      return response.writeHead(answer === null ? 404 : 200, { "content-type": "application/json" }).end(JSON.stringify(answer ?? {}));
    });
  });
  server.listen(options.socketPath);
  await once(server, "listening");
  return {
    requests,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function answerTo(url: string, before: readonly string[]): unknown {
  if (url.includes("/info")) return INFO;
  const image = /\/images\/([^/]+)\/json/.exec(url)?.[1];
  if (image === undefined) return [];
  const isPulled = before.some((request) => request.includes("/images/pull") && request.includes(image));
  return isPulled ? { Id: "sha256:1", Digest: "sha256:2", RepoTags: [] } : null;
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (chunk instanceof Buffer) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
