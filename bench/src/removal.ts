// Measures how soon a deletion that may go is gone, and how soon one that is held is said. From
// git: a file with one device, until its container is gone; the baseline is an ordinary edit. From
// a Kubernetes API: a Deployment of 30 devices, deleted by its name, from a source of 100 entries
// (it goes) and of 40 (it is held); the baseline is an edit of the same 30. What goes and what is
// held is iot-operator's tests' to show.

import { join } from "node:path";
import { createLog } from "@harmony/runtime";
import { connectMessaging, openDesiredState } from "@iot/messaging";
import { startParts } from "@iot/e2e/demo/parts";
import { Story } from "@iot/e2e/demo/story";
import { startSimulatedDevice } from "@iot/e2e/world/simulated-device";
import { deploymentYaml } from "@iot/e2e/world/workload";
import { eventually, type KubernetesServer, startKubernetes, startNats, startOperatorProcess } from "@iot/testkit";
import { answeredAt } from "./http-poll.ts";
import { type Figure, type Measurement, ms, percentile, summary } from "./measurement.ts";

/** More than ten removals within ten minutes are held. */
const PUSHES = 10;
const ROUNDS = 5;
const TARGET_MS = 1_500;
const LARGE = 30;
const TOP = join(import.meta.dirname, "../..");

export const removal: Measurement = {
  name: "removal",
  takesMinutes: 3,
  run: async () => [await fromGit(), await fromKubernetes()],
};

async function fromGit(): Promise<Figure> {
  await using stack = new AsyncDisposableStack();
  const device = stack.use(await startSimulatedDevice());
  const { repository } = await startParts({ device, story: new Story(), stack });
  const [port] = device.ports;
  const edits: number[] = [];
  const removals: number[] = [];
  const pushed = async (version: string | null): Promise<number> => {
    const yaml = version === null ? null : deploymentYaml({ device: device.id, image: device.image(version), port });
    await repository.commit({ "deployment.yaml": yaml });
    const start = performance.now();
    await repository.push();
    if (version !== null) return (await answeredAt(device.address, port, `version=${version}`)) - start;
    await eventually(async () => (await device.containers()).length === 0, {
      what: "the container is gone",
      timeoutMs: 60_000,
      intervalMs: 5,
    });
    return performance.now() - start;
  };
  for (let round = 0; round < PUSHES; round += 1) {
    await pushed("1");
    edits.push(await pushed("2"));
    removals.push(await pushed(null));
  }
  return {
    what: "git rm of a file with one device, pushed → its container is gone, no cluster",
    target: "≤ 1.5 s",
    measured: `${Math.round(Math.max(...removals))} ms at worst, ${summary(removals)} (${PUSHES} pushes)`,
    baseline: `an edit of its image, pushed → the new one answers: ${summary(edits)}`,
    met: Math.max(...removals) <= TARGET_MS,
    numbers: { worst: Math.max(...removals), p50: percentile(removals, 50), editP50: percentile(edits, 50), pushes: PUSHES },
  };
}

async function fromKubernetes(): Promise<Figure> {
  await using stack = new AsyncDisposableStack();
  const kubernetes = stack.use(await startKubernetes());
  const deploy = ["crd.yaml", "namespace.yaml", "operator.yaml"].flatMap((file) => ["-f", join(TOP, "iot/deploy", file)]);
  await kubernetes.kubectl(["apply", ...deploy]);
  await kubernetes.kubectl(["wait", "--for=condition=Established", "crd/deployments.iot.nationtech.io"]);
  const gone: number[] = [];
  const held: number[] = [];
  const edits: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const entries of [100, 40]) {
      await using fleet = await startFleet(kubernetes);
      await fleet.apply({ large: "web:1", rest: "web:1" }, entries);
      edits.push(await fleet.apply({ large: "web:2" }, entries));
      if (entries === 100) gone.push(await fleet.deleted(() => fleet.isGone()));
      else held.push(await fleet.deleted(() => fleet.isHeld()));
    }
  }
  const worst = [Math.max(...gone), Math.max(...held)] as const;
  return {
    what: `kubectl delete of a Deployment of ${LARGE} devices: of 100 entries → gone from all manifests; of 40 → kubectl get says that it is held`,
    target: "≤ 1.5 s; ≤ 1.5 s",
    measured: `${worst.map(ms).join("; ")} at worst (p50 ${ms(percentile(gone, 50))}; ${ms(percentile(held, 50))}; ${ROUNDS} each)`,
    baseline: `an edit of the same ${LARGE}, kubectl apply → all manifests: ${summary(edits)}`,
    met: Math.max(...worst) <= TARGET_MS,
    numbers: {
      goneWorst: worst[0],
      heldWorst: worst[1],
      gone: percentile(gone, 50),
      held: percentile(held, 50),
      edit: percentile(edits, 50),
    },
  };
}

interface Fleet extends AsyncDisposable {
  /** Milliseconds until every device has that. */
  apply(images: Readonly<Record<string, string>>, entries: number): Promise<number>;
  /** Milliseconds until that is so. */
  deleted(until: () => Promise<boolean>): Promise<number>;
  isGone(): Promise<boolean>;
  isHeld(): Promise<boolean>;
}

/** A store and an operator of their own: what was removed in the last ten minutes counts. */
async function startFleet(kubernetes: KubernetesServer): Promise<Fleet> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startNats());
  const log = createLog({ name: "bench", level: "error" });
  const messaging = await connectMessaging({ servers: [nats.url], name: "bench", log, signal: new AbortController().signal });
  stack.defer(() => messaging.close());
  const store = await openDesiredState(messaging, { log });
  stack.defer(() => store.close());
  const operator = await startOperatorProcess({
    NATS_URL: nats.url,
    KUBECONFIG: await kubernetes.serviceAccountKubeconfig("iot-system", "iot-operator"),
  });
  stack.defer(async () => {
    await operator.kill();
    const finalizersOff = ["--type=merge", "-p", '{"metadata":{"finalizers":null}}'];
    for (const name of ["large", "rest"]) {
      await kubernetes.kubectl(["patch", "iotdep", name, ...finalizersOff]).catch(() => undefined);
      await kubernetes.kubectl(["delete", "iotdep", name, "--ignore-not-found"]);
    }
  });
  const timed = async (deed: readonly string[], stdin: string, until: () => Promise<boolean>): Promise<number> => {
    const start = performance.now();
    await kubernetes.kubectl(deed, { stdin });
    await eventually(until, { what: deed.join(" "), timeoutMs: 60_000, intervalMs: 5 });
    return performance.now() - start;
  };
  const has = async (name: string, text: string): Promise<number> => {
    const { scores } = await store.observe(new AbortController().signal);
    return [...scores].filter(([key, { scoreString }]) => key.endsWith(`.${name}`) && scoreString?.includes(text) === true).length;
  };
  const kept = stack.move();
  return {
    apply: (images, entries) => {
      const all = Object.entries(images).map(([name, image]) => ({ name, image, count: name === "large" ? LARGE : entries - LARGE }));
      return timed(["apply", "-f", "-"], all.map(yaml).join("---\n"), async () => {
        const counts = await Promise.all(all.map(({ name, image }) => has(name, image)));
        return counts.every((count, index) => count === all[index]?.count);
      });
    },
    deleted: (until) => timed(["delete", "iotdep", "large", "--wait=false"], "", until),
    isGone: async () => (await has("large", "")) === 0,
    isHeld: async () =>
      (await kubernetes.kubectl(["get", "iotdep", "large", "-o", "jsonpath={.status.conditions}"])).includes("RemovalHeld"),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function yaml({ name, image, count }: { name: string; image: string; count: number }): string {
  return `apiVersion: iot.nationtech.io/v1alpha1
kind: Deployment
metadata: { name: ${name} }
spec:
  targetDevices: [${Array.from({ length: count }, (_, index) => `device-${index}`).join(", ")}]
  score: { type: PodmanV0, data: { services: [{ name: web, image: "${image}" }] } }
`;
}
