// Stands before an API server and passes everything on, but for the events of watches while it is
// mute: those are open and silent, as behind a proxy that has lost the other end.

import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import https from "node:https";
import { makeTestCertificate } from "@iot/testkit";

export interface MuteWatch extends AsyncDisposable {
  readonly server: string;
  /** The authority of its own certificate: a file. */
  readonly authority: string;
  mute(): void;
  /** Watches are heard again; those that are open are cut. */
  speak(): void;
}

export async function startMuteWatch(target: { readonly server: string; readonly authority: string }): Promise<MuteWatch> {
  const certificate = await makeTestCertificate();
  const [cert, key, ca] = await Promise.all([certificate.cert, certificate.key, target.authority].map((path) => readFile(path)));
  const watches = new Set<ServerResponse>();
  let isMute = false;
  const server = https.createServer({ cert, key }, (incoming, outgoing) => {
    const isWatch = incoming.url?.includes("watch=true") === true;
    const { method = "GET", headers } = incoming;
    const onward = https.request(new URL(incoming.url ?? "/", target.server), { method, headers, ca }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.on("error", () => outgoing.destroy());
      if (!isWatch) return void answer.pipe(outgoing);
      watches.add(outgoing);
      answer.on("data", (chunk: Buffer) => isMute || outgoing.write(chunk));
      answer.on("end", () => outgoing.end());
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => {
      watches.delete(outgoing);
      onward.destroy();
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    server: `https://127.0.0.1:${port}`,
    authority: certificate.ca,
    mute: () => void (isMute = true),
    speak: () => {
      isMute = false;
      for (const watch of watches) watch.destroy();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await certificate[Symbol.asyncDispose]();
    },
  };
}
