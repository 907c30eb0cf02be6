// What git said reaches people without what it was shown to get in.

import { expect, test } from "vitest";
import { refusal, secretsOf } from "./git-program.ts";

const SECRET = "geheim/wort+1";
const secrets = secretsOf({ username: "me", password: SECRET });
const header = Buffer.from(`me:${SECRET}`).toString("base64");

/** What git 2.39 prints, and servers with it, of each way to fail; `{url}` is where it asked. */
const texts: [code: string, text: string][] = [
  ["MissingBranch", "fatal: couldn't find remote ref refs/heads/main of {url}"],
  ["MissingRepository", "fatal: repository '{url}' not found"],
  ["MissingRepository", "fatal: '{url}' does not appear to be a git repository"],
  ["WrongCredentials", "fatal: Authentication failed for '{url}'"],
  ["WrongCredentials", "remote: HTTP Basic: Access denied for {url}\nfatal: Authentication failed for '{url}'"],
  ["WrongCredentials", "fatal: could not read Password for '{url}': terminal prompts disabled"],
  ["WrongCredentials", "fatal: unable to access '{url}': The requested URL returned error: 403"],
  ["Unreachable", "fatal: unable to access '{url}': Could not resolve proxy: {url}"],
  ["Unreachable", "fatal: unable to access '{url}': Failed to connect to host port 443: Connection refused"],
  ["Failed", 'fatal: protocol error: bad line length character: <a href="{url}">'],
  ["Failed", "warning: redirecting to {url}"],
  ["Failed", "error: RPC failed; HTTP 500\nremote: {url} is down\nfatal: expected flush after ref listing"],
];
const urls = [
  `https://me:${encodeURIComponent(SECRET)}@host/w.git/`,
  `https://me:${SECRET}@host/w.git/`,
  `https://${encodeURIComponent(SECRET)}@host/w.git`,
  `ssh://me:${SECRET}@host:22/w.git`,
  `HTTPS://me:${SECRET}@host/w.git`,
  `https://host/w.git?private_token=${SECRET}`,
  `https://host/w.git#${SECRET}`,
  "https://other:fremd/es-wort@elsewhere/w.git",
  "https://other:fremdes-wort@elsewhere/w.git?x=fremdes-wort",
];

test.each(texts)("%s: %s", (code, text) => {
  for (const url of urls) {
    const error = refusal(
      "fetch",
      text.replaceAll("{url}", () => url),
      secrets,
    );
    expect(error.code).toBe(code);
    expect(error.message).not.toMatch(/geheim|wort|fremd/);
    expect(error.message.length).toBeGreaterThan(20);
  }
});

test.each([SECRET, encodeURIComponent(SECRET), header, `Authorization: Basic ${header}`])("a server that repeats %s", (said) => {
  const { message } = refusal("fetch", `remote: denied: ${said}\nfatal: HTTP 403`, secrets);
  expect(message).toContain("denied: ");
  expect(message).not.toMatch(/geheim|wort/);
  expect(message).not.toContain(header);
});

test("a token may stand in the place of the user; a name that is none is left", () => {
  const asUser = secretsOf({ username: "ghp_geheim", password: undefined });
  expect(refusal("fetch", "remote: no rights for ghp_geheim", asUser).message).toBe("no rights for ***");
  expect(refusal("fetch", "remote: git says no", secretsOf({ username: undefined, password: undefined })).message).toBe("git says no");
});
