// A Kubernetes API with what iot/deploy installs, and the operator's rights in it: those of its
// manifest, no others.

import { fileURLToPath } from "node:url";
import { eventually, type KubernetesServer, startKubernetes } from "@iot/testkit";

export const CRD = fileURLToPath(new URL("../../deploy/crd.yaml", import.meta.url));
const NAMESPACE = fileURLToPath(new URL("../../deploy/namespace.yaml", import.meta.url));
export const OPERATOR = fileURLToPath(new URL("../../deploy/operator.yaml", import.meta.url));

export interface RunningKubernetes {
  readonly server: KubernetesServer;
  /** The token of the operator's service account. */
  readonly kubeconfig: string;
  apply(yaml: string): Promise<string>;
  /** What jsonpath gives of the Deployment of this name, `namespace/name` or in `default`. */
  ask(name: string, jsonpath: string): Promise<string>;
  /** Waits until it gives something. */
  published(name: string, jsonpath: string): Promise<string>;
}

export async function runKubernetes(options: { readonly crd?: boolean; readonly controllers?: boolean } = {}): Promise<RunningKubernetes> {
  const { controllers = false } = options;
  const server = await startKubernetes({ controllers });
  if (options.crd !== false) await installCrd(server);
  await server.kubectl(["apply", "-f", NAMESPACE, "-f", OPERATOR]);
  const ask = async (name: string, jsonpath: string): Promise<string> => {
    const [namespace = "", object = ""] = name.includes("/") ? name.split("/") : ["default", name];
    return await server.kubectl(["get", "deployment.iot.nationtech.io", object, "-n", namespace, "-o", `jsonpath=${jsonpath}`]);
  };
  return {
    server,
    kubeconfig: await server.serviceAccountKubeconfig("iot-system", "iot-operator"),
    apply: (yaml) => server.kubectl(["apply", "-f", "-"], { stdin: yaml }),
    ask,
    published: (name, jsonpath) =>
      eventually(async () => (await ask(name, jsonpath)).trim() || null, { what: `${name} has ${jsonpath}`, timeoutMs: 20_000 }),
  };
}

export async function installCrd(server: KubernetesServer): Promise<void> {
  await server.kubectl(["apply", "-f", CRD]);
  await server.kubectl(["wait", "--for=condition=Established", "crd/deployments.iot.nationtech.io", "crd/devices.iot.nationtech.io"]);
}
