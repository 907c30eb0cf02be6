// `npm run update-cost [-- PODMAN]`: what an update costs on a device's link, when 1 MB of an image
// of 200 MB has changed, by how the image is made and compressed, and when the pull is cut at 90 %.
// Bytes are those of the device's network interface. It prints the table of docs/update-cost.md.

import { mkdir, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import {
  type Device,
  makeTempFolder,
  run,
  skopeoProgram,
  startDevice,
  startRegistry,
  startServerProcess,
  freePort,
  registryProgram,
} from "@iot/testkit";

const USER = "iot-agent";
const FILES = 2_000;
const FILE_BYTES = 100_000;
const CHANGED = 10;
const VERSION = process.argv[2] === "4.9" ? "4.9" : "5.4";

/**
 * The same noise for the same words: it does not compress, as most of a program's files hardly do.
 */
function noise(words: string): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at * 64 < FILE_BYTES; at += 1) parts.push(createHash("sha512").update(`${words} ${at}`).digest());
  return Buffer.concat(parts).subarray(0, FILE_BYTES);
}

await using stack = new AsyncDisposableStack();
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const folder = await makeTempFolder("update-cost");
stack.defer(() => folder.remove());
const skopeo = await skopeoProgram();
const device = await startDevice({ name: "pi-cost", podman: VERSION });
stack.defer(() => device.stop());
const registry = stack.use(await startRegistry({ host: device.hostAddress }));
await device.trustRegistry(registry.address);
const registries = join(folder.path, "registries.d");
await mkdir(registries);
await writeFile(join(folder.path, "policy.json"), JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));

/** An OCI layout of two tags, each of these layers; a layer is a folder of files, by its name. */
async function makeLayout(
  name: string,
  layers: (version: 1 | 2) => readonly (readonly [layer: string, changedFrom: number, files: readonly number[]])[],
): Promise<string> {
  const into = join(folder.path, name);
  const blobs = join(into, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const put = async (bytes: Buffer): Promise<{ digest: string; size: number }> => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    await writeFile(join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const manifests: object[] = [];
  for (const version of [1, 2] as const) {
    const descriptors: { mediaType: string; digest: string; size: number }[] = [];
    for (const [layer, changedFrom, files] of layers(version)) {
      const root = join(folder.path, `${name}-${version}-${layer}`);
      for (const file of files) {
        const path = join(root, "app", `${Math.floor(file / 100)}`, `file-${file}`);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, noise(`${file} ${file >= changedFrom ? version : 1}`));
      }
      const tar = `${root}.tar`;
      await run([
        "tar",
        "--create",
        "--file",
        tar,
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "-C",
        root,
        ".",
      ]);
      const { stdout } = await run(["sha256sum", tar]);
      const hex = stdout.split(" ")[0] ?? "";
      await run(["cp", tar, join(blobs, hex)]);
      const { stdout: size } = await run(["stat", "--format=%s", tar]);
      await run(["rm", "-rf", root, tar]);
      descriptors.push({ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: `sha256:${hex}`, size: Number(size) });
    }
    const config = {
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: descriptors.map(({ digest }) => digest) },
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...(await put(Buffer.from(JSON.stringify(config)))) },
      layers: descriptors,
    };
    const described = await put(Buffer.from(JSON.stringify(manifest)));
    manifests.push({ mediaType: manifest.mediaType, ...described, annotations: { "org.opencontainers.image.ref.name": String(version) } });
  }
  await writeFile(join(into, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeFile(join(into, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  return into;
}

async function push(layout: string, name: string, format: string): Promise<void> {
  for (const version of [1, 2]) {
    const compressed = ["--dest-compress-format", format, "--dest-tls-verify=false"];
    const argv = ["--policy", join(folder.path, "policy.json"), "--registries.d", registries, "copy", "--quiet", ...compressed];
    // Without a memory of other pushes: skopeo takes a layer that it knows to be there in some
    // form.
    const forgetful = 'mkdir -p /var/lib/containers/cache && mount -t tmpfs tmpfs /var/lib/containers/cache && exec "$@"';
    const copy = [skopeo, ...argv, `oci:${layout}:${version}`, `docker://${registry.address}/${name}:${version}`];
    await run(["unshare", "--mount", "sh", "-c", forgetful, "sh", ...copy], { timeoutMs: 600_000 });
  }
}

async function received(from: Device): Promise<number> {
  const { stdout } = await from.exec(["cat", "/sys/class/net/host0/statistics/rx_bytes"]);
  return Number(stdout.trim());
}

async function podman(...argv: string[]): Promise<{ exitCode: number; stderr: string }> {
  return device.exec(["podman", ...argv], { user: USER, allowExitCodes: [0, 1, 125], timeoutMs: 600_000 });
}

/** Megabytes on the link, and whether the pull came to its end. */
async function pull(reference: string): Promise<{ megabytes: number; ok: boolean }> {
  const before = await received(device);
  const { exitCode } = await podman("pull", "--quiet", `${registry.address}/${reference}`);
  return { megabytes: ((await received(device)) - before) / 1e6, ok: exitCode === 0 };
}

async function forget(): Promise<void> {
  await podman("rmi", "--all", "--force");
}

const rows: string[][] = [];
const mb = (megabytes: number): string => megabytes.toFixed(1);

async function measure(what: string, name: string, setting = ""): Promise<void> {
  await forget();
  await device.writeFile("/etc/containers/storage.conf", `[storage]\ndriver = "overlay"\n${setting}`);
  const first = await pull(`${name}:1`);
  const second = await pull(`${name}:2`);
  rows.push([what, mb(first.megabytes), second.ok ? mb(second.megabytes) : "failed"]);
  say(rows.at(-1)?.join(" | ") ?? "");
}

const all = Array.from({ length: FILES }, (_, index) => index);
const kept = all.slice(0, FILES - CHANGED);
const changing = all.slice(FILES - CHANGED);
say("making the images");
const one = await makeLayout("one", () => [["all", FILES - CHANGED, all]]);
const two = await makeLayout("two", () => [
  ["kept", FILES, kept],
  ["changing", 0, changing],
]);
await push(one, "one-gzip", "gzip");
await push(one, "one-zstd", "zstd");
await push(one, "one-chunked", "zstd:chunked");
await push(two, "two-gzip", "gzip");

const PARTIAL = '[storage.options]\npull_options = {enable_partial_images = "true"}\n';
await measure("one layer, gzip", "one-gzip");
await measure("one layer, zstd", "one-zstd");
await measure("one layer, zstd:chunked, Podman as it comes", "one-chunked");
await measure("one layer, zstd:chunked, `enable_partial_images`", "one-chunked", PARTIAL);
await measure("two layers, gzip: what changes is a layer of its own", "two-gzip");

/** The pull ends when so much has come; then it is asked again. */
async function measureCut(what: string, reference: string, share: number, wholeMegabytes: number): Promise<void> {
  await forget();
  const before = await received(device);
  const begun = device
    .exec(["podman", "pull", "--quiet", `${registry.address}/${reference}`], {
      user: USER,
      allowExitCodes: [0, 1, 125, 137, 143],
      timeoutMs: 600_000,
    })
    .catch(() => undefined);
  while (((await received(device)) - before) / 1e6 < share * wholeMegabytes) await new Promise((resolve) => setTimeout(resolve, 20));
  await device.exec(["pkill", "-KILL", "-u", USER, "-f", "podman pull"], { allowExitCodes: [0, 1] });
  await begun;
  const cut = ((await received(device)) - before) / 1e6;
  const again = await pull(reference);
  rows.push([what, mb(cut), again.ok ? mb(again.megabytes) : "failed"]);
  say(rows.at(-1)?.join(" | ") ?? "");
}
const whole = Number(rows[0]?.[1]);
await device.writeFile("/etc/containers/storage.conf", '[storage]\ndriver = "overlay"\n');
await measureCut("one layer, gzip; Podman is killed at 90 %, and pulls again", "one-gzip:1", 0.9, whole);
const four = await makeLayout("four", () =>
  [0, 1, 2, 3].map((part): readonly [string, number, readonly number[]] => [
    `part-${part}`,
    FILES,
    all.slice(part * 500, part * 500 + 500),
  ]),
);
await push(four, "four-gzip", "gzip");
await measureCut("four layers of 50 MB, gzip; Podman is killed at 90 %, and pulls again", "four-gzip:1", 0.9, whole);
registry.failHalfWay(true);
await forget();
const broken = await pull("one-gzip:1");
registry.failHalfWay(false);
rows.push([
  "one layer, gzip; the registry breaks each answer off at half, then is whole",
  mb(broken.megabytes),
  mb((await pull("one-gzip:1")).megabytes),
]);
say(rows.at(-1)?.join(" | ") ?? "");

/** A registry of the site that fetches from the central one what nobody had before. */
async function measureMirror(): Promise<void> {
  await forget();
  const port = await freePort(device.hostAddress);
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder.path, "mirror") } },
    http: { addr: `${device.hostAddress}:${port}`, secret: "mirror" },
    proxy: { remoteurl: `http://${registry.address}` },
  };
  await writeFile(join(folder.path, "mirror.json"), JSON.stringify(config));
  const mirror = await startServerProcess({
    name: "mirror",
    argv: [await registryProgram(), "serve", join(folder.path, "mirror.json")],
    env: { OTEL_TRACES_EXPORTER: "none" },
    ready: async () => (await fetch(`http://${device.hostAddress}:${port}/v2/`)).ok,
  });
  try {
    await device.writeFile(
      "/etc/containers/registries.conf.d/zz-mirror.conf",
      `[[registry]]\nlocation = "${registry.address}"\ninsecure = true\n[[registry.mirror]]\nlocation = "${device.hostAddress}:${port}"\ninsecure = true\n`,
    );
    const blobs = (): number => registry.requests(/^GET .*\/blobs\//);
    const before = blobs();
    const first = await pull("two-gzip:1");
    const ofFirst = blobs() - before;
    await forget();
    const second = await pull("two-gzip:1");
    rows.push([
      `a site's mirror: blobs asked of the central registry by the first device, and by the second`,
      `${ofFirst} (${mb(first.megabytes)} MB on the device's link)`,
      `${blobs() - before - ofFirst} (${mb(second.megabytes)})`,
    ]);
    say(rows.at(-1)?.join(" | ") ?? "");
  } finally {
    await mirror.stop();
  }
}
await device.exec(["rm", "-f", `/etc/containers/registries.conf.d/${registry.address.replaceAll(/[^\w.-]/g, "_")}.conf`]);
await measureMirror();

process.stdout.write(`Podman ${VERSION}; megabytes on the device's link\n\n| image | first | then |\n|---|---:|---:|\n`);
for (const row of rows) process.stdout.write(`| ${row.join(" | ")} |\n`);
