import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { formatIssues } from "@harmony/core";
import { cloudInit, linuxHostV0 } from "@harmony/host";
import { expect, test } from "vitest";
import { IOT_HOST } from "./host-application.ts";

test("the user-data in the manual's folder is what the program makes", async () => {
  const authorizedKeys = ["ssh-ed25519 AAAAPutYourOwnPublicKeyHere you@your-computer"];
  const parsed = linuxHostV0(IOT_HOST).parse({ hostname: "pi-demo-01", agentUser: { authorizedKeys } });
  if (!parsed.ok) throw new TypeError(formatIssues(parsed.issues));
  const file = join(import.meta.dirname, "../../../../docs/iot/user-data");
  expect(await readFile(file, "utf8")).toBe(cloudInit(IOT_HOST, parsed.value, { admin: "pi" }));
});
