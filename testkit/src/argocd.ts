// Runs a real Argo CD without pods: application controller, repo server and Redis are processes on
// loopback, set up in the namespace `argocd` of a Kubernetes API of the testkit.
// `https://kubernetes.default.svc` names that same cluster. Argo CD's API server is not run, so
// there is no webhook; `refresh` does what one would do. Repositories may be `file://` ones.

import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { argoCdAssets, redisProgram } from "./argocd-program.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import type { KubernetesServer } from "./kubernetes.ts";
import { run } from "./program.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface ArgoCd {
  readonly namespace: string;
  /**
   * Asks for an Application's repository to be read now. Returns when it is asked, not when it is
   * done.
   */
  refresh(application: string): Promise<void>;
  /** The application controller's metrics, in Prometheus' text format. */
  metrics(): Promise<string>;
  /** The last lines of the application controller. */
  log(): string;
  repoServerLog(): string;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const NAMESPACE = "argocd";

export async function startArgoCd({ kubernetes }: { readonly kubernetes: KubernetesServer }): Promise<ArgoCd> {
  const { program, scripts, manifests } = await argoCdAssets();
  const folder = await makeTempFolder("argocd");
  const servers: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const server of servers.toReversed()) await server.stop();
    await folder.remove();
  };
  const empty = async (name: string): Promise<string> => {
    const path = join(folder.path, name);
    await mkdir(path);
    return path;
  };
  const start = async (name: string, argv: readonly string[], env: Readonly<Record<string, string>>, ready: () => Promise<boolean>) => {
    const server = await startServerProcess({ name, argv, env, cwd: folder.path, ready });
    servers.push(server);
    return server;
  };

  try {
    const redis = await startRedis(folder.path);
    servers.push(redis.server);
    await install(kubernetes, manifests);
    const environment = {
      PATH: `${scripts}:${process.env["PATH"] ?? ""}`,
      KUBECONFIG: kubernetes.kubeconfig,
      // Takes the cluster of KUBECONFIG for the one it runs in.
      ARGOCD_FAKE_IN_CLUSTER: "true",
      TMPDIR: await empty("tmp"),
      ARGOCD_GPG_ENABLED: "false",
      ARGOCD_TLS_DATA_PATH: await empty("tls"),
      ARGOCD_SSH_DATA_PATH: await empty("ssh"),
      ARGOCD_GPG_DATA_PATH: await empty("gpg"),
      ARGOCD_GNUPGHOME: await empty("gnupg"),
      ARGOCD_PLUGINSOCKFILEPATH: await empty("plugins"),
    };

    const [repoServerPort, repoMetricsPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
    const repoServer = await start(
      "argocd-repo-server",
      [program, "--redis", redis.address, "--disable-tls", "--client-ca-path", "", ...listen(repoServerPort, repoMetricsPort)],
      { ...environment, ARGOCD_BINARY_NAME: "argocd-repo-server" },
      async () => (await fetch(`http://127.0.0.1:${repoMetricsPort}/healthz`)).ok,
    );
    const controller = await start(
      "argocd-application-controller",
      [
        program,
        "--kubeconfig",
        kubernetes.kubeconfig,
        "--namespace",
        NAMESPACE,
        "--redis",
        redis.address,
        "--repo-server-plaintext",
        `--repo-server=127.0.0.1:${repoServerPort}`,
        `--metrics-port=${metricsPort}`,
        // Each resource's health and its message appear in the Application's status, where tests
        // can read them.
        "--persist-resource-health",
      ],
      { ...environment, ARGOCD_BINARY_NAME: "argocd-application-controller" },
      async () => (await fetch(`http://127.0.0.1:${metricsPort}/healthz`)).ok,
    );
    return {
      namespace: NAMESPACE,
      refresh: async (application) => {
        const annotation = "argocd.argoproj.io/refresh=normal";
        await kubernetes.kubectl(["annotate", "--overwrite", "applications.argoproj.io", application, "-n", NAMESPACE, annotation]);
      },
      metrics: async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
      log: () => controller.log(),
      repoServerLog: () => repoServer.log(),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function listen(port: number, metricsPort: number): readonly string[] {
  return ["--address=127.0.0.1", `--port=${port}`, "--metrics-address=127.0.0.1", `--metrics-port=${metricsPort}`];
}

/**
 * Installs custom resources and settings from Argo CD's own manifests, and the project that every
 * installation has.
 */
async function install(kubernetes: KubernetesServer, manifests: string): Promise<void> {
  await kubernetes.kubectl(["create", "namespace", NAMESPACE]);
  // The server applies: Application is larger than the annotation of a client's apply may be.
  await kubernetes.kubectl(["apply", "--server-side", "--namespace", NAMESPACE, "-f", manifests]);
  // Argo CD's API server makes this at its first start. Without it the controller ignores changes
  // of the settings.
  const stringData = { "server.secretkey": randomUUID() };
  await kubernetes.kubectl(["patch", "secret", "argocd-secret", "-n", NAMESPACE, "--patch", JSON.stringify({ stringData })]);
  const project = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { name: "default", namespace: NAMESPACE },
    spec: {
      sourceRepos: ["*"],
      destinations: [{ namespace: "*", server: "*" }],
      clusterResourceWhitelist: [{ group: "*", kind: "*" }],
    },
  };
  // A kind is served a moment after its definition was accepted.
  await eventually(() => kubernetes.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(project) }), { what: "AppProject is served" });
}

async function startRedis(folder: string): Promise<{ readonly server: ServerProcess; readonly address: string }> {
  const port = String(await freePort());
  const server = await startServerProcess({
    name: "redis-server",
    argv: [await redisProgram(folder), "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", folder],
    ready: async () => (await run(["redis-cli", "-p", port, "ping"])).stdout === "PONG\n",
  });
  return { server, address: `127.0.0.1:${port}` };
}
