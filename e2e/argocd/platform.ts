// Starts the whole platform with Argo CD before it: a repository, Argo CD set up with the files of
// iot/deploy/argocd, a Kubernetes API, the operator with exactly the rights of its manifest, NATS,
// and the agent on a simulated device. Everything is as a user has it, except that the processes of
// the cluster run beside it instead of in it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type ArgoCd,
  type GitRepository,
  type KubernetesServer,
  makeGitRepository,
  type NatsServer,
  type ServerProcess,
  startArgoCd,
  startKubernetes,
  startNats,
  startOperatorProcess,
  startServerProcess,
} from "@iot/testkit";
import type { SimulatedDevice } from "../world/simulated-device.ts";
import { startSimulatedDevice } from "../world/simulated-device.ts";
import { DEPLOY } from "./files.ts";

export interface Platform {
  readonly kubernetes: KubernetesServer;
  readonly argoCd: ArgoCd;
  readonly nats: NatsServer;
  readonly operator: ServerProcess;
  readonly device: SimulatedDevice;
  readonly application: ApplicationView;
  /** Commits, pushes, and makes Argo CD refresh, as a webhook would. Gives the commit. */
  push(files: Readonly<Record<string, string | null>>): Promise<string>;
}

/** The Application's status as it is now. */
export interface ApplicationView {
  sync(): Promise<string>;
  revision(): Promise<string>;
  health(): Promise<string>;
  /** The message of our Deployment, the only resource. */
  message(): Promise<string>;
  /** Makes Argo CD refresh now instead of some minutes later. */
  refresh(): Promise<void>;
  /** Every health that it has had, in order. */
  history(): readonly string[];
}

const APPLICATION = "iot-workloads";

export async function startPlatform(stack: AsyncDisposableStack): Promise<Platform> {
  const [device, cluster, repository] = await Promise.all([
    startSimulatedDevice().then((started) => stack.use(started)),
    startCluster(stack),
    makeGitRepository().then((made) => stack.use(made)),
  ]);
  const { kubernetes, argoCd } = cluster;
  const nats = stack.use(await startNats({ host: device.hostAddress }));
  const operator = await startOperator({ kubernetes, nats, stack });
  // A repository has other files beside its Deployments, which Argo CD must not take for resources.
  const bystanders = { "README.md": "Edit it, git push, done.\n", ".ci/check.yaml": "jobs: {}\n", "settings.json": "{}\n" };
  await repository.commit(bystanders);
  await repository.push();
  const application = await createApplication({ kubernetes, argoCd, repository, stack });
  return {
    kubernetes,
    argoCd,
    nats,
    operator,
    device,
    application,
    push: async (files) => {
      const commit = await repository.commit(files);
      await repository.push();
      await application.refresh();
      return commit;
    },
  };
}

async function startCluster(stack: AsyncDisposableStack): Promise<{ readonly kubernetes: KubernetesServer; readonly argoCd: ArgoCd }> {
  const kubernetes = stack.use(await startKubernetes());
  const argoCd = stack.use(await startArgoCd({ kubernetes }));
  for (const file of ["crd.yaml", "namespace.yaml", "operator.yaml"]) await kubernetes.kubectl(["apply", "-f", join(DEPLOY, file)]);
  // Argo CD 3 ignores status by itself, in two ways. Both are taken out, so that it is our setting
  // which the journey shows.
  const data = {
    "resource.customizations.ignoreResourceUpdates.all": null,
    "resource.compareoptions": "ignoreDifferencesOnResourceUpdates: false",
  };
  const settings = ["patch", "configmap", "argocd-cm", "--namespace", argoCd.namespace];
  await kubernetes.kubectl([...settings, "--type=merge", "--patch", JSON.stringify({ data })]);
  await kubernetes.kubectl([...settings, "--patch-file", join(DEPLOY, "argocd/argocd-cm-patch.yaml")]);
  return { kubernetes, argoCd };
}

interface OperatorParts {
  readonly kubernetes: KubernetesServer;
  readonly nats: NatsServer;
  readonly stack: AsyncDisposableStack;
}

async function startOperator({ kubernetes, nats, stack }: OperatorParts): Promise<ServerProcess> {
  const operator = await startOperatorProcess({
    NATS_URL: nats.url,
    KUBECONFIG: await kubernetes.serviceAccountKubeconfig("iot-system", "iot-operator"),
  });
  stack.defer(() => operator.stop());
  return operator;
}

interface ApplicationParts {
  readonly kubernetes: KubernetesServer;
  readonly argoCd: ArgoCd;
  readonly repository: GitRepository;
  readonly stack: AsyncDisposableStack;
}

/** Creates the Application that we ship, with its repository put in as the file says. */
async function createApplication({ kubernetes, argoCd, repository, stack }: ApplicationParts): Promise<ApplicationView> {
  const shipped = await readFile(join(DEPLOY, "argocd/application.yaml"), "utf8");
  await kubernetes.kubectl(["apply", "-f", "-"], { stdin: shipped.replace(/repoURL: .*/, `repoURL: ${repository.url}`) });
  const get = ["get", "applications.argoproj.io", APPLICATION, "--namespace", argoCd.namespace];
  const look = async (path: string): Promise<string> => kubernetes.kubectl([...get, "-o", `jsonpath={.status.${path}}`]);
  const watch = await startServerProcess({
    name: "kubectl get --watch",
    argv: [
      kubernetes.kubectlProgram,
      "--kubeconfig",
      kubernetes.kubeconfig,
      ...get,
      "--watch",
      "-o",
      'jsonpath={.status.health.status}{"\\n"}',
    ],
    ready: () => Promise.resolve(true),
  });
  stack.defer(() => watch.kill());
  return {
    sync: () => look("sync.status"),
    revision: () => look("sync.revision"),
    health: () => look("health.status"),
    message: () => look("resources[0].health.message"),
    refresh: () => argoCd.refresh(APPLICATION),
    history: () => {
      const all = watch.log().split("\n");
      return all.filter((health, index) => health !== all[index - 1]);
    },
  };
}
