// What keeps the operator from reading its cluster, or from writing to it, is named where people
// look within 15 s, and forgotten within 15 s of its cure.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "@harmony/schema";
import { askOperators } from "@iot/messaging";
import { eventually, makeTempFolder, makeTestCertificate, type Relay, startRelay, type TempFolder } from "@iot/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import * as z from "zod/mini";
import { RemovalsScene, ofItsOwn } from "./removals-scene.ts";
import { startMuteWatch } from "./mute-watch.ts";
import { CRD, installCrd, OPERATOR } from "./running-kubernetes.ts";
import { workload } from "./workload.ts";

const WITHIN_MS = 15_000;
const ADVICE = "kubectl apply -f iot/deploy/operator.yaml";

const Kubeconfig = z.looseObject({
  clusters: z.tuple([z.looseObject({ cluster: z.looseObject({ server: z.string(), "certificate-authority": z.string() }) })]),
  users: z.tuple([z.looseObject({ user: z.looseObject({ token: z.string() }) })]),
});
const Role = z.looseObject({ rules: z.array(z.looseObject({ resources: z.array(z.string()), verbs: z.array(z.string()) })) });

let scene: RemovalsScene;
let relay: Relay;
let folder: TempFolder;
/**
 * The operator's token, and the authority that it trusts, each a file that may be replaced.
 */
let files: { readonly kubeconfig: string; readonly token: string; readonly authority: string };
let kubeconfigOf: (file: string, server: string, authority: string) => Promise<string>;
let good: { readonly token: string; readonly authority: string };

beforeAll(async () => {
  scene = await RemovalsScene.open();
  relay = await startRelay({ target: { port: Number(new URL(scene.kubernetes.server.url).port) } });
  folder = await makeTempFolder("seen");
  const at = (name: string): string => join(folder.path, name);
  files = { kubeconfig: at("kubeconfig"), token: at("token"), authority: at("ca.crt") };
  const parsed = parseJson(Kubeconfig, await readFile(scene.kubernetes.kubeconfig, "utf8"));
  if (!parsed.ok) throw new Error("it is no kubeconfig");
  const [{ cluster }] = parsed.value.clusters;
  good = { token: parsed.value.users[0].user.token, authority: await readFile(cluster["certificate-authority"], "utf8") };
  await putGood();
  kubeconfigOf = async (file, server, authority) => {
    const clusters = [{ name: "testkit", cluster: { server, "certificate-authority": authority } }];
    const users = [{ name: "testkit", user: { tokenFile: files.token } }];
    await writeFile(file, JSON.stringify({ ...parsed.value, clusters, users }));
    return file;
  };
  await kubeconfigOf(files.kubeconfig, `https://127.0.0.1:${relay.port}`, files.authority);
});
afterAll(async () => {
  await scene?.close();
  await relay?.stop();
  await folder?.remove();
});
beforeEach(() => scene.begin(files.kubeconfig));
afterEach(() => scene.end());

async function putGood(): Promise<void> {
  await writeFile(files.token, good.token);
  await writeFile(files.authority, good.authority);
}

type Metric = "readable" | "writable";

/** In /readyz, in `iot status` and in the metrics. */
async function expectNamed(what: RegExp, metric: Metric): Promise<void> {
  await eventually(
    async () => {
      const [{ problems }, state, metrics] = [await scene.operator.readyz(), await scene.state(), await scene.operator.metrics()];
      if (!problems.some((problem) => what.test(problem))) throw new Error(`/readyz says ${JSON.stringify(problems)}`);
      if (!what.test(state?.problem ?? "")) throw new Error(`iot status says ${state?.problem}`);
      return metrics.includes(`iot_operator_source_${metric} 0\n`);
    },
    { what: `${what} is named`, timeoutMs: WITHIN_MS },
  );
}

async function forgotten(): Promise<void> {
  await eventually(
    async () => {
      const [{ problems }, state, metrics] = [await scene.operator.readyz(), await scene.state(), await scene.operator.metrics()];
      if (problems.length > 0) throw new Error(`/readyz says ${JSON.stringify(problems)}`);
      if (state?.problem !== null) throw new Error(`iot status says ${state?.problem}`);
      return ["readable", "writable"].every((metric) => metrics.includes(`iot_operator_source_${metric} 1\n`));
    },
    { what: "it is forgotten", timeoutMs: WITHIN_MS },
  );
}

const faults: [what: string, begin: () => Promise<void>, says: RegExp, cure: () => Promise<void>][] = [
  ["the API server is away", () => relay.down(), /cannot be reached/, () => relay.listen()],
  ["it is silent", async () => relay.freeze(), /no answer from https:\S+ within/, async () => relay.resume()],
  ["the token is a wrong one", () => writeFile(files.token, "another"), /401 Unauthorized/, putGood],
  ["the token is two lines", () => writeFile(files.token, "one\ntwo\n"), /the token in \S+ is empty, or has a line break/, putGood],
  [
    "the authority is another one",
    async () => writeFile(files.authority, await otherAuthority()),
    /cannot be reached \(.*(self-signed certificate|unable to verify|signature).*certificate-authority/,
    putGood,
  ],
  [
    "the definition is missing",
    async () => void (await scene.kubectl("delete", "-f", CRD, "--timeout=30s")),
    /kubectl apply -f iot\/deploy\/crd\.yaml/,
    async () => {
      await installCrd(scene.kubernetes.server);
      // Its objects went with it, and nobody deleted them by name: they are lost until they are
      // back.
      await scene.kubernetes.apply(workload("stays", { devices: ofItsOwn("stays") }));
    },
  ],
  [
    "it may not list",
    async () => void (await scene.kubectl("delete", "clusterrolebinding", "iot-operator")),
    /403 Forbidden.*kubectl apply -f iot\/deploy\/operator\.yaml/,
    grantAll,
  ],
];

test.each(faults)("%s: named, and forgotten when it is cured", async (_what, begin, says, cure) => {
  await scene.applyAll(["stays"], ofItsOwn);
  await begin();
  try {
    await expectNamed(says, "readable");
  } finally {
    await cure();
  }
  await forgotten();
  expect(await scene.entries()).toEqual(["pi-stays.stays"]);
});

async function grantAll(): Promise<void> {
  await scene.kubectl("apply", "-f", OPERATOR);
}

async function otherAuthority(): Promise<string> {
  await using certificate = await makeTestCertificate();
  return await readFile(certificate.ca, "utf8");
}

/** Takes rights from the operator: of these resources it keeps these verbs. */
async function allowOnly(verbs: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const role = parseJson(Role, await scene.kubectl("get", "clusterrole", "iot-operator", "-o", "json"));
  const rules = (role.ok ? role.value.rules : []).map((rule) => ({ ...rule, verbs: verbs[rule.resources.join()] ?? rule.verbs }));
  await scene.kubectl("patch", "clusterrole", "iot-operator", "--type=merge", "-p", JSON.stringify({ rules }));
}

test("a finalizer that is refused is named, on the object too, and forgotten when it is allowed, or the object is gone", async () => {
  await allowOnly({ deployments: ["get", "list", "watch"] });
  await scene.kubernetes.apply(workload("fresh", { devices: ["pi-1"] }));
  await expectNamed(/fresh.*403 Forbidden.*kubectl apply -f iot\/deploy\/operator\.yaml/, "writable");
  const message = await scene.kubernetes.published("fresh", '{.status.conditions[?(@.type=="Ready")].message}');
  expect(message).toMatch(/not served until its finalizer .* stands/);
  expect(message).toContain(ADVICE);
  expect(await scene.entries()).toEqual([]);
  await grantAll();
  await forgotten();
  await scene.stand(["fresh"], () => ["pi-1"]);

  await allowOnly({ deployments: ["get", "list", "watch"] });
  await scene.kubernetes.apply(workload("brief", { devices: ["pi-1"] }));
  await expectNamed(/brief/, "writable");
  await scene.kubectl("delete", "iotdep", "brief");
  await forgotten();
  await grantAll();
});

test("a status that is refused is named, and forgotten when it is allowed; Events that are refused stop nothing", async () => {
  await allowOnly({ "deployments/status": ["get"], events: ["get"] });
  await scene.applyAll(["one", "two"], ofItsOwn);
  await expectNamed(/403 Forbidden.*kubectl apply -f iot\/deploy\/operator\.yaml/, "writable");
  await scene.kubectl("delete", "iotdep", "one", "--timeout=20s");
  expect(await scene.entries()).toEqual(["pi-two.two"]);
  await grantAll();
  await forgotten();
});

const fromTheStart = faults.filter(([what]) => /token is a wrong|authority/.test(what));

test.each(fromTheStart)("%s from the very start: it is named before it is known which source it is", async (_what, begin, says, cure) => {
  await scene.operator.process.kill();
  await begin();
  try {
    await scene.startOperator(files.kubeconfig);
    await eventually(
      async () => {
        const [{ ready, problems }, metrics] = [await scene.operator.readyz(), await scene.operator.metrics()];
        const answers = await askOperators(scene.bucket.messaging, "state", {}, AbortSignal.timeout(WITHIN_MS));
        const said = { ready, problems, metric: metrics.includes("iot_operator_source_readable 0\n"), answers };
        const isNamed =
          problems.some((problem) => says.test(problem)) &&
          answers.some(({ source, message }) => source === "kubernetes" && says.test(message));
        return (isNamed && !ready && said.metric) || Promise.reject(new Error(JSON.stringify(said)));
      },
      { what: `${says} is named`, timeoutMs: WITHIN_MS },
    );
  } finally {
    await cure();
  }
  await forgotten();
  expect((await scene.operator.readyz()).ready).toBe(true);
});

test("a watch is mute while the API server answers: it is named, what it missed is served, and it is forgotten when it speaks", async () => {
  await scene.operator.process.kill();
  await using proxy = await startMuteWatch({ server: scene.kubernetes.server.url, authority: files.authority });
  await scene.startOperator(await kubeconfigOf(`${files.kubeconfig}-mute`, proxy.server, proxy.authority));
  await scene.ready();
  await scene.applyAll(["heard"], ofItsOwn);
  proxy.mute();
  // Another object: what the operator writes into one that it knows brings back what is new in it.
  const [late = ""] = ofItsOwn("a-late");
  await scene.kubernetes.apply(workload("a-late", { devices: [late] }));
  await expectNamed(/answers, but its watch is silent: changes are seen late/, "readable");
  await scene.stand(["a-late", "heard"], ofItsOwn);
  proxy.speak();
  await forgotten();
  expect((await scene.operator.readyz()).ready).toBe(true);
});
