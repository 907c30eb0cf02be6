// The certificate of the service is replaced while it runs.

import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { createLog } from "@harmony/runtime";
import { eventually, makeTempFolder, makeTestCertificate } from "@iot/testkit";
import { expect, test } from "vitest";
import { followCertificate, readCertificate } from "../src/certificate.ts";
import { serveHttp } from "../src/http/http-server.ts";

async function nameShown(port: number): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => resolve(socket.getPeerCertificate().subjectaltname));
  socket.once("error", reject);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

test("one that was renewed is used at the next look; with one that does not fit its key, or none, the one before stays", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await makeTempFolder("certificate");
  stack.defer(() => folder.remove());
  const [first, second] = [stack.use(await makeTestCertificate("DNS:first")), stack.use(await makeTestCertificate("DNS:second"))];
  const files = { certFile: join(folder.path, "cert.pem"), keyFile: join(folder.path, "key.pem") };
  await copyFile(first.cert, files.certFile);
  await copyFile(first.key, files.keyFile);
  const lines: string[] = [];
  const log = createLog({ name: "certificate", format: "json", write: (line) => void lines.push(line) });
  const http = await serveHttp({ host: "127.0.0.1", port: 0, tls: await readCertificate(files), routes: () => [], log });
  stack.defer(() => http.close());
  stack.defer(followCertificate(files, { http, log, everyMs: 20 }));
  expect(await nameShown(http.port)).toBe("DNS:first");

  await copyFile(second.cert, files.certFile);
  await eventually(() => lines.some((line) => line.includes("cannot be used")), { what: "it is said" });
  expect(await nameShown(http.port)).toBe("DNS:first");
  await copyFile(second.key, files.keyFile);
  await eventually(async () => (await nameShown(http.port)) === "DNS:second", { what: "the second is used" });
  await rm(files.keyFile);
  await eventually(() => lines.filter((line) => line.includes("cannot be used")).length > 1, { what: "it is said again" });
  expect(await nameShown(http.port)).toBe("DNS:second");
  expect(lines.length).toBeLessThan(6);
});
