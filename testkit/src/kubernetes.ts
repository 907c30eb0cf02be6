// Runs a real Kubernetes API: etcd and kube-apiserver with RBAC, on loopback. A controller-manager
// runs only where it is asked for: without one a namespace never finishes deleting, and owner
// references collect nothing.
// The administrator is a client certificate of `system:masters`; tokens of service accounts come
// from `kubectl create token`.

import { cp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { type RunResult, run } from "./program.ts";
import { kubernetesPrograms } from "./real-parts.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface KubernetesServer {
  readonly url: string;
  /** The path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly kubectlProgram: string;
  /** Runs kubectl as the administrator and gives what it printed. */
  kubectl(args: readonly string[], options?: { readonly stdin?: string }): Promise<string>;
  /** Writes the kubeconfig of a service account (with a token of one hour) and gives its path. */
  serviceAccountKubeconfig(namespace: string, name: string): Promise<string>;
  log(): string;
  /** Ends the API server; its data stays in etcd. */
  down(): Promise<void>;
  /** Starts it after `down`. */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** Keeps a copy of etcd's data. What it gives puts the copy back, as a restore of a backup. */
  backUp(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface KubernetesOptions {
  /**
   * With a kube-controller-manager that deletes what is in a namespace, and what belongs to what is
   * gone.
   */
  readonly controllers?: boolean;
}

const CONTROLLERS = ["namespace-controller", "garbage-collector-controller"];

export async function startKubernetes({ controllers = false }: KubernetesOptions = {}): Promise<KubernetesServer> {
  const programs = await kubernetesPrograms();
  const folder = await makeTempFolder("kubernetes");
  const file = (name: string): string => join(folder.path, name);
  const [etcdPort, peerPort, securePort, managerPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const url = `https://127.0.0.1:${securePort}`;
  const kubeconfig = file("admin.kubeconfig");
  let etcd: ServerProcess | undefined;
  let apiServer: ServerProcess | undefined;
  let manager: ServerProcess | undefined;
  let backUps = 0;

  const startEtcd = async (): Promise<void> => {
    etcd = await startServerProcess({
      name: "etcd",
      argv: [
        programs.etcd,
        `--data-dir=${file("etcd")}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
        `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
        "--unsafe-no-fsync",
      ],
      ready: async () => (await fetch(`${etcdUrl}/readyz`)).ok,
    });
  };
  const start = async (): Promise<void> => {
    apiServer = await startServerProcess({
      name: "kube-apiserver",
      argv: [
        programs.apiServer,
        `--etcd-servers=${etcdUrl}`,
        `--cert-dir=${file("apiserver")}`,
        `--tls-cert-file=${file("server.crt")}`,
        `--tls-private-key-file=${file("server.key")}`,
        "--bind-address=127.0.0.1",
        `--secure-port=${securePort}`,
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--allow-privileged",
        "--disable-admission-plugins=ServiceAccount",
        "--service-account-issuer=https://127.0.0.1/",
        `--service-account-key-file=${file("service-account.key")}`,
        `--service-account-signing-key-file=${file("service-account.key")}`,
        `--client-ca-file=${file("ca.crt")}`,
        "--max-requests-inflight=800",
      ],
      ready: () => isReady(`${url}/readyz`),
      readyTimeoutMs: 120_000,
    });
  };
  const startManager = async (): Promise<void> => {
    manager = await startServerProcess({
      name: "kube-controller-manager",
      argv: [
        programs.controllerManager,
        `--kubeconfig=${kubeconfig}`,
        `--controllers=${CONTROLLERS.join(",")}`,
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        `--secure-port=${managerPort}`,
        `--cert-dir=${file("controller-manager")}`,
      ],
      ready: () => isReady(`https://127.0.0.1:${managerPort}/healthz`),
      readyTimeoutMs: 60_000,
    });
  };
  const kubectl = async (args: readonly string[], { stdin }: { readonly stdin?: string } = {}): Promise<string> => {
    const argv = [programs.kubectl, `--kubeconfig=${kubeconfig}`, `--cache-dir=${file("kubectl-cache")}`, ...args];
    const result: RunResult = await run(argv, stdin === undefined ? {} : { stdin });
    return result.stdout;
  };
  const down = async (): Promise<void> => apiServer?.stop();
  const exchangeStore = async (exchange: () => Promise<void>): Promise<void> => {
    await manager?.kill();
    await down();
    await etcd?.stop();
    await exchange();
    await startEtcd();
    await start();
    if (controllers) await startManager();
  };
  const stop = async (): Promise<void> => {
    await manager?.kill();
    await apiServer?.kill();
    await etcd?.kill();
    await folder.remove();
  };

  try {
    await makeCertificates(folder.path);
    await writeFile(
      kubeconfig,
      kubeconfigText(url, { "client-certificate": file("admin.crt"), "client-key": file("admin.key") }, file("ca.crt")),
    );
    await startEtcd();
    await start();
    if (controllers) await startManager();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    kubeconfig,
    kubectlProgram: programs.kubectl,
    kubectl,
    serviceAccountKubeconfig: async (namespace, name) => {
      const token = await kubectl(["create", "token", name, "--namespace", namespace, "--duration", "1h"]);
      const path = file(`${namespace}-${name}.kubeconfig`);
      await writeFile(path, kubeconfigText(url, { token: token.trim() }, file("ca.crt")));
      return path;
    },
    log: () => apiServer?.log() ?? "",
    down,
    start,
    restart: async () => {
      await down();
      await start();
    },
    backUp: async () => {
      const [data, copy] = [file("etcd"), file(`etcd-${(backUps += 1)}`)];
      await exchangeStore(async () => await cp(data, copy, { recursive: true }));
      return async () =>
        await exchangeStore(async () => {
          await rm(data, { recursive: true });
          await cp(copy, data, { recursive: true });
        });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Whether it is ready, and past the post-start hooks that create the system's roles. The
 * certificate is our own, so it is not checked here.
 */
function isReady(url: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const req = request(url, { rejectUnauthorized: false, agent: false, timeout: 2_000 }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  req.on("timeout", () => req.destroy(new Error("no answer within 2 s")));
  req.on("error", reject);
  req.end();
  return promise;
}

async function makeCertificates(folder: string): Promise<void> {
  const openssl = async (...args: string[]): Promise<void> => void (await run(["openssl", ...args], { cwd: folder }));
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const ca = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];
  await openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=testkit", ...ca);
  const issue = async (name: string, subject: string, extensions: string): Promise<void> => {
    await openssl("req", "-new", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject);
    await writeFile(join(folder, `${name}.ext`), extensions);
    const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", `${name}.ext`];
    await openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.crt`, ...by);
  };
  await issue("server", "/CN=127.0.0.1", "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n");
  await issue("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth\n");
  await openssl("genrsa", "-out", "service-account.key", "2048");
}

function kubeconfigText(server: string, user: Readonly<Record<string, string>>, certificateAuthority: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "testkit", cluster: { server, "certificate-authority": certificateAuthority } }],
    users: [{ name: "testkit", user }],
    contexts: [{ name: "testkit", context: { cluster: "testkit", user: "testkit" } }],
    "current-context": "testkit",
  });
}
