// Finds the API server and our identity: KUBECONFIG, ~/.kube/config or the pod's service account,
// as the official client loads them (contexts, exec plugins, proxies). Tokens are
// bearer-token.ts's.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { takeTokens } from "./bearer-token.ts";
import { KubernetesError } from "./kubernetes-error.ts";

const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/**
 * The configuration in `file`, or of the environment. @throws KubernetesError NotConfigured when
 * there is none, or it cannot be read.
 */
export function loadKubernetesConfig(file?: string): KubeConfig {
  const path = file ?? process.env["KUBECONFIG"] ?? "";
  const home = join(homedir(), ".kube", "config");
  // This is checked here because the client falls back to http://localhost:8080 without a word.
  if (path === "" && !existsSync(home) && !existsSync(SERVICE_ACCOUNT_TOKEN)) {
    throw new KubernetesError(
      "NotConfigured",
      `no Kubernetes API is configured: set KUBECONFIG, or write ${home}, or run in a pod with a service account`,
    );
  }
  const config = new KubeConfig();
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
    const files =
      file !== undefined ? [file] : path !== "" ? path.split(delimiter).filter((part) => part !== "") : [home].filter(existsSync);
    takeTokens(config, files);
  } catch (cause) {
    if (cause instanceof KubernetesError) throw cause;
    throw new KubernetesError("NotConfigured", `failed to read the Kubernetes configuration ${path === "" ? home : path}`, {
      cause,
    });
  }
  if (config.getCurrentCluster() === null || config.getCurrentUser() === null) {
    throw new KubernetesError(
      "NotConfigured",
      `the Kubernetes configuration has no cluster and user for its current context "${config.currentContext}": kubectl config use-context NAME chooses another`,
    );
  }
  return config;
}
