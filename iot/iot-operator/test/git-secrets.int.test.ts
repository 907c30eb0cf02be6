// Servers that repeat what git shows them: none of it reaches a sentence or the log.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createLog } from "@harmony/runtime";
import { makeTempFolder } from "@iot/testkit";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../src/config/config.ts";
import { createGitSource } from "../src/sources/git/git-source.ts";

const SECRET = "geheimes-wort";

async function answering(answer: (incoming: IncomingMessage, outgoing: ServerResponse, port: number) => void): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    const address = server.address();
    answer(incoming, outgoing, typeof address === "object" && address !== null ? address.port : 0);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/w.git`;
}

const asks = (outgoing: ServerResponse): void => void outgoing.writeHead(401, { "www-authenticate": "Basic realm=git" }).end();

test.each<[string, Parameters<typeof answering>[0], RegExp]>([
  [
    "refuses, and repeats the header",
    ({ headers: { authorization } }, outgoing) =>
      authorization === undefined
        ? asks(outgoing)
        : void outgoing
            .writeHead(403, { "content-type": "text/plain" })
            .end(`no rights: ${authorization} ${atob(authorization.slice(6))}\n`),
    /no rights|403/,
  ],
  [
    "sends git elsewhere, with what it was shown",
    ({ headers: { authorization }, url }, outgoing, port) => {
      if (authorization === undefined) return asks(outgoing);
      const to = `http://me:${SECRET}@127.0.0.1:${port}/elsewhere${url}?token=${SECRET}`;
      return url?.startsWith("/elsewhere") === true
        ? void outgoing.writeHead(500).end()
        : void outgoing.writeHead(302, { location: to }).end();
    },
    /failed to read branch main/,
  ],
  ["takes none", (_incoming, outgoing) => asks(outgoing), /Authentication failed/],
])("a server that %s", async (_what, answer, says) => {
  const folder = await makeTempFolder("git-secrets");
  onTestFinished(() => folder.remove());
  const lines: string[] = [];
  const log = createLog({ name: "operator", write: (line) => void lines.push(line) });
  const { git } = readConfig({ IOT_GIT_URL: await answering(answer), IOT_GIT_USERNAME: "me", IOT_GIT_PASSWORD: SECRET });
  if (git === null) throw new Error("no IOT_GIT_URL");
  const source = await createGitSource({ config: git, folder: `${folder.path}/copy`, log });
  onTestFinished(() => source.close());
  const snapshot = await source.read(AbortSignal.timeout(20_000), null);
  if (snapshot.kind !== "unreadable") throw new Error("it was read");
  expect(snapshot.message).toMatch(says);
  const all = `${snapshot.message}\n${lines.join("")}`;
  expect(all).not.toContain(SECRET);
  expect(all).not.toContain(btoa(`me:${SECRET}`));
});
