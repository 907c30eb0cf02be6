// `node testkit/src/prepare.ts [part…]` makes everything that tests take from the cache, so that no
// test has to wait for it. It prints what it makes, and how long that took. A part that exists
// already costs nothing.

import { agentPackageOfCommit, FIRST_RELEASE } from "./agent-package.ts";
import { argoCdAssets } from "./argocd-program.ts";
import { vendorRoot } from "./blank-root.ts";
import { cacheFolder } from "./cache.ts";
import { deviceRoot } from "./device-root.ts";
import {
  busyboxProgram,
  issuerProgram,
  kubernetesPrograms,
  natsServerProgram,
  openBaoProgram,
  podman4Layer,
  registryProgram,
  skopeoProgram,
} from "./real-parts.ts";

const PARTS: Readonly<Record<string, () => Promise<unknown>>> = {
  nats: natsServerProgram,
  busybox: busyboxProgram,
  device: () => deviceRoot(),
  "blank device": vendorRoot,
  openbao: openBaoProgram,
  registry: registryProgram,
  issuer: issuerProgram,
  skopeo: skopeoProgram,
  "agent of v0.1.0": () => agentPackageOfCommit(FIRST_RELEASE),
  "podman-4.9": podman4Layer,
  kubernetes: kubernetesPrograms,
  argocd: argoCdAssets,
};

const wanted = process.argv.slice(2);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
let failures = 0;
say(`real servers, kept in ${cacheFolder()}`);
for (const [name, prepare] of Object.entries(PARTS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const startedAt = performance.now();
  const announce = setTimeout(() => say(`${name}: is being made`), 1_000);
  try {
    await prepare();
    clearTimeout(announce);
    say(`${name}: ready, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  } catch (error) {
    clearTimeout(announce);
    failures += 1;
    say(`${name}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
  }
}
process.exitCode = failures === 0 ? 0 : 1;
