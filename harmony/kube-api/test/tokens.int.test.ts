// Tokens against a real API server: from a file that is replaced, with a line break, and refused
// with a sentence.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { type KubernetesServer, makeTempFolder, startKubernetes } from "@iot/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { takeTokens } from "../src/bearer-token.ts";
import { connectKubernetes, loadKubernetesConfig, readObject } from "../src/index.ts";

const NAMESPACES = { group: "", version: "v1", kind: "Namespace", plural: "namespaces" };
let kubernetes: KubernetesServer;
let token: string;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  await kubernetes.kubectl(["create", "serviceaccount", "reader"]);
  await kubernetes.kubectl(["create", "clusterrole", "reader", "--verb=get", "--resource=namespaces"]);
  await kubernetes.kubectl(["create", "clusterrolebinding", "reader", "--clusterrole=reader", "--serviceaccount=default:reader"]);
  token = (await kubernetes.kubectl(["create", "token", "reader"])).trim();
});
afterAll(() => kubernetes?.stop());

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await makeTempFolder("tokens");
  onTestFinished(() => folder.remove());
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, name), text);
  return folder.path;
}

/** The administrator's, with another user in it. */
async function kubeconfig(user: Readonly<Record<string, string>>): Promise<string> {
  const config = await kubernetes.kubectl(["config", "view", "--raw", "--flatten", "-o", "json"]);
  return JSON.stringify({ ...JSON.parse(config), users: [{ name: "testkit", user }] });
}

/** Whether the API server knows who asks; why not. */
async function ask(config: KubeConfig): Promise<string> {
  const connection = connectKubernetes(config, "test");
  onTestFinished(() => connection.close());
  const { metadata } = await readObject(connection, NAMESPACES, { name: "kube-system" }, AbortSignal.timeout(20_000));
  return metadata.name;
}

test("tokenFile is read, beside its configuration, with the line break at its end; a token that replaces it counts at once", async () => {
  const folder = await folderWith({
    token: `${token}\n`,
    config: await kubeconfig({ tokenFile: "token", token: "an-older-one" }),
  });
  const config = loadKubernetesConfig(join(folder, "config"));
  expect(await ask(config)).toBe("kube-system");
  await writeFile(join(folder, "token"), "another");
  await expect(ask(config)).rejects.toMatchObject({ code: "Unauthorized" });
  await writeFile(join(folder, "token"), token);
  expect(await ask(config)).toBe("kube-system");
});

test.each([
  ["empty", ""],
  ["two lines", "one\ntwo\n"],
])("a tokenFile with %s is refused, and named", async (_what, text) => {
  const folder = await folderWith({ token: text, config: await kubeconfig({ tokenFile: "token" }) });
  await expect(ask(loadKubernetesConfig(join(folder, "config")))).rejects.toMatchObject({
    code: "Unauthorized",
    cause: {
      message: `the token in ${join(folder, "token")} is empty, or has a line break or a blank in it: write the token alone, in one line`,
    },
  });
});

test("a token that is written out loses the line break at its end, and is refused with one inside", async () => {
  const folder = await folderWith({
    good: await kubeconfig({ token: `${token}\n` }),
    bad: await kubeconfig({ token: `${token.slice(0, 20)}\n${token.slice(20)}` }),
  });
  expect(await ask(loadKubernetesConfig(join(folder, "good")))).toBe("kube-system");
  expect(() => loadKubernetesConfig(join(folder, "bad"))).toThrow(
    'the token of the user "testkit" in the Kubernetes configuration is empty, or has a line break',
  );
});

test("the token of a pod's service account may end in a line break", async () => {
  const folder = await folderWith({ config: await kubeconfig({}), token: `${token}\n` });
  const config = loadKubernetesConfig(join(folder, "config"));
  // As the official client makes the user of a pod.
  config.users = config.users.map(({ name }) => ({
    name,
    authProvider: { name: "tokenFile", config: { tokenFile: join(folder, "token") } },
  }));
  takeTokens(config, []);
  expect(await ask(config)).toBe("kube-system");
});
