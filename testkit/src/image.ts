// Makes container images on the spot from busybox-static: `FROM scratch`, one layer, one page
// served over HTTP. The page names device, deployment, service and the image's version, so that a
// test that asks for it sees what runs where. Process 1 is a shell that traps TERM; without the
// trap every stop would last its full time-out (one variant does exactly that). An image is written
// as an OCI layout (for a registry) and as a docker archive (for Podman's `images/load`), byte for
// byte the same each time.

import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile, chmod, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "./program.ts";
import { busyboxProgram } from "./real-parts.ts";
import { makeTempFolder } from "./temp-folder.ts";

export interface ImageOptions {
  /** `name:tag`, as Podman is to know it; the default is `localhost/hello:1`. */
  readonly reference?: string;
  /**
   * The version shown on the page. It also changes the image's digest. The default is the
   * reference's tag.
   */
  readonly version?: string;
  /** The port in the container on which the page is served; the default is 8080. */
  readonly port?: number;
  readonly behaviour?: "serves" | "ignores-term" | { readonly exitsWith: number; readonly afterMs?: number };
  /** The paths that it declares as VOLUME. */
  readonly volumes?: readonly string[];
  /** What it says of its processor, by Go's names; the default is the host's. */
  readonly architecture?: string;
  /** Megabytes of noise in a layer of its own, for pulls that take a while. */
  readonly ballastMegabytes?: number;
  /**
   * The static busybox inside, for a machine of another architecture; the default is the host's.
   */
  readonly busybox?: { readonly path: string; readonly architecture: string };
}

export interface TestImage {
  readonly reference: string;
  /** The digest of the manifest, as a registry knows it. */
  readonly digest: string;
  /** The digest of the configuration, which is Podman's image id. */
  readonly id: string;
  readonly blobs: readonly ImageBlob[];
  readonly manifest: Buffer;
  readonly manifestMediaType: string;
  /** A docker archive: the body of `POST /libpod/images/load`. */
  archive(): Promise<Buffer>;
}

export interface ImageBlob {
  readonly digest: string;
  readonly mediaType: string;
  readonly data: Buffer;
}

const OCI = "application/vnd.oci.image";

export async function makeImage(options: ImageOptions = {}): Promise<TestImage> {
  const { reference = "localhost/hello:1", port = 8080, behaviour = "serves", ballastMegabytes = 0, volumes = [], busybox } = options;
  const version = options.version ?? reference.slice(reference.lastIndexOf(":") + 1);
  const layers = [await makeLayer(await programFiles(startScript({ version, port, behaviour }), busybox?.path))];
  if (ballastMegabytes > 0) layers.push(await makeLayer([{ path: "ballast", data: noise(ballastMegabytes, reference) }]));
  const config = json({
    architecture: options.architecture ?? busybox?.architecture ?? (process.arch === "x64" ? "amd64" : process.arch),
    os: "linux",
    created: "2026-01-01T00:00:00Z",
    config: {
      Entrypoint: ["/bin/sh", "/start"],
      Env: ["PATH=/bin"],
      ExposedPorts: { [`${port}/tcp`]: {} },
      ...(volumes.length === 0 ? {} : { Volumes: Object.fromEntries(volumes.map((path) => [path, {}])) }),
      Labels: { "org.opencontainers.image.version": version },
    },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => sha256(layer.tar)) },
  });
  const blobs = [
    { digest: sha256(config), mediaType: `${OCI}.config.v1+json`, data: config },
    ...layers.map(({ gzipped }) => ({ digest: sha256(gzipped), mediaType: `${OCI}.layer.v1.tar+gzip`, data: gzipped })),
  ];
  const [configBlob, ...layerBlobs] = blobs.map(({ digest, mediaType, data }) => ({ mediaType, digest, size: data.length }));
  const manifestMediaType = `${OCI}.manifest.v1+json`;
  const manifest = json({ schemaVersion: 2, mediaType: manifestMediaType, config: configBlob, layers: layerBlobs });
  return {
    reference,
    digest: sha256(manifest),
    id: sha256(config),
    blobs,
    manifest,
    manifestMediaType,
    archive: () => dockerArchive(reference, config, layers),
  };
}

interface StartOptions {
  readonly version: string;
  readonly port: number;
  readonly behaviour: NonNullable<ImageOptions["behaviour"]>;
}

/** The container writes the page when it starts, because only then the environment is known. */
function startScript({ version, port, behaviour }: StartOptions): string {
  if (typeof behaviour === "object") {
    const waits = behaviour.afterMs === undefined ? "" : `sleep ${behaviour.afterMs / 1000}\n`;
    return `echo "version ${version} ends with ${behaviour.exitsWith}"\n${waits}exit ${behaviour.exitsWith}\n`;
  }
  const onTerm = behaviour === "ignores-term" ? "trap '' TERM" : "trap 'kill $server; exit 0' TERM INT";
  return `[ -d /www ] || mkdir /www
cat > /www/index.html <<PAGE
device=\${IOT_DEVICE_ID:-none} deployment=\${IOT_DEPLOYMENT:-none} service=\${IOT_SERVICE:-none} version=${version}
PAGE
env > /www/env
${onTerm}
httpd -f -p ${port} -h /www &
server=$!
echo "serving version ${version} on port ${port}"
while kill -0 $server 2>/dev/null; do wait $server; done
`;
}

interface LayerFile {
  readonly path: string;
  readonly data: Buffer;
  readonly isProgram?: boolean;
}

async function programFiles(script: string, busybox?: string): Promise<readonly LayerFile[]> {
  return [
    { path: "bin/busybox", data: await readFile(busybox ?? (await busyboxProgram())), isProgram: true },
    { path: "start", data: Buffer.from(script) },
  ];
}

const APPLETS = ["sh", "httpd", "nc", "cat", "env", "echo", "sleep", "kill", "mkdir", "ls", "id", "touch", "wget", "true", "false", "test"];

async function makeLayer(files: readonly LayerFile[]): Promise<{ readonly tar: Buffer; readonly gzipped: Buffer }> {
  const folder = await makeTempFolder("layer");
  try {
    for (const { path, data, isProgram = false } of files) {
      await mkdir(dirname(join(folder.path, path)), { recursive: true });
      await writeFile(join(folder.path, path), data);
      await chmod(join(folder.path, path), isProgram ? 0o755 : 0o644);
      if (isProgram) for (const applet of APPLETS) await symlink("busybox", join(folder.path, "bin", applet));
    }
    if (files.some(({ isProgram }) => isProgram)) {
      for (const name of ["tmp", "www"]) {
        await mkdir(join(folder.path, name));
        await chmod(join(folder.path, name), 0o1777);
      }
    }
    const tar = await tarFolder(folder.path);
    return { tar, gzipped: gzipSync(tar, { level: 1 }) };
  } finally {
    await folder.remove();
  }
}

/** The same content gives the same bytes: names in order, no times, no owners. */
async function tarFolder(folder: string): Promise<Buffer> {
  const out = await makeTempFolder("tar");
  try {
    const file = join(out.path, "layer.tar");
    const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=ustar"];
    await run(["tar", ...reproducible, "-C", folder, "-cf", file, "."]);
    return await readFile(file);
  } finally {
    await out.remove();
  }
}

async function dockerArchive(reference: string, config: Buffer, layers: readonly { readonly tar: Buffer }[]): Promise<Buffer> {
  const folder = await makeTempFolder("archive");
  try {
    const names = layers.map(({ tar }) => `${hex(sha256(tar))}.tar`);
    const configName = `${hex(sha256(config))}.json`;
    await writeFile(join(folder.path, configName), config);
    for (const [index, { tar }] of layers.entries()) await writeFile(join(folder.path, names[index] ?? ""), tar);
    await writeFile(join(folder.path, "manifest.json"), json([{ Config: configName, RepoTags: [reference], Layers: names }]));
    return await tarFolder(folder.path);
  } finally {
    await folder.remove();
  }
}

/** Bytes that do not compress, the same for the same seed. */
function noise(megabytes: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let index = 0; index < megabytes * 16_384; index++) blocks.push(createHash("sha512").update(`${seed}${index}`).digest());
  return Buffer.concat(blocks);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function sha256(data: Buffer): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

function hex(digest: string): string {
  return digest.slice("sha256:".length);
}
