import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cloudInit, LinuxHostV0 } from "@harmony/host";
import { expect, test } from "vitest";

test("the user-data in the manual's folder is what the program makes", async () => {
  const authorizedKeys = ["ssh-ed25519 AAAAPutYourOwnPublicKeyHere you@your-computer"];
  const score = LinuxHostV0.parse({ hostname: "pi-demo-01", agentUser: { authorizedKeys } });
  const file = join(import.meta.dirname, "../../../docs/iot/user-data");
  expect(await readFile(file, "utf8")).toBe(cloudInit(score, { admin: "pi" }));
});
