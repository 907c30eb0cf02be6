// Collects what a device gets from a Score that uses every field: the requests to Podman, and the
// files that the variant writes. It uses only the package's exports, so that it outlives every move
// inside.

import { mkdir, readdir, readFile, realpath, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson } from "@harmony/schema";
import { makeTempFolder } from "@iot/testkit";
import { connectPodman, fileStartList, fileSwapJournal, hostView, openImageLedger, podmanV0, type PodmanV0Needs } from "../../src/index.ts";
import { APPLICATION } from "../application.ts";
import { EVERY_FIELD } from "../every-field.ts";
import { startRecordingPodman } from "./recording-podman.ts";

export const FIXTURE: string = join(import.meta.dirname, "v0.1.0.json");

export interface Written {
  readonly requests: readonly { readonly request: string; readonly body: string }[];
  /** Keyed by path; a large file has only its size. */
  readonly files: Readonly<Record<string, { readonly mode: string; readonly text?: string; readonly bytes?: number }>>;
}

const STATE = "/var/lib/iot-agent";
const SECRETS = "/etc/iot-agent/secrets";

export async function whatIsWritten(): Promise<Written> {
  const temporary = await makeTempFolder("kept");
  const root = await realpath(temporary.path);
  try {
    await prepare(root);
    const abort = new AbortController();
    let starts = 0;
    await using podman = await startRecordingPodman({
      socketPath: join(root, "podman.sock"),
      onRequest: (request) => {
        if (request.endsWith("/start")) starts += 1;
        if (starts === EVERY_FIELD.services.length) abort.abort(new Error("all are started"));
      },
    });
    const variant = podmanV0(APPLICATION);
    const parsed = variant.parse(EVERY_FIELD);
    if (!parsed.ok) throw new Error(`the Score does not parse: ${JSON.stringify(parsed.issues)}`);
    const needs = needsAt(root);
    const interpret = variant.interpret({
      name: "pi-01",
      capabilities: needs,
      inventory: () => Promise.resolve({ architecture: "arm64", capabilities: [], facts: {} }),
    });
    const scoreString = `{"type":"PodmanV0","data":${canonicalJson(EVERY_FIELD)}}`;
    const wanted = { name: "app", revision: "7 of git:demo", scoreString, data: parsed.value, hold: null };
    const last = await interpret.reconcile(wanted, { signal: abort.signal }).catch((error: unknown) => error);
    if (!abort.signal.aborted) throw new Error(`not all were started: ${JSON.stringify(last)}`);
    await remember(needs);
    return { requests: [...podman.requests], files: await filesIn(join(root, STATE)) };
  } finally {
    await temporary.remove();
  }
}

/** Makes the files that a person has put on the device. */
async function prepare(root: string): Promise<void> {
  for (const folder of [STATE, SECRETS, "/srv/in", "/srv/out", "/dev"]) await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, STATE, "secrets.key"), Buffer.alloc(32, 1), { mode: 0o600 });
  await writeFile(join(root, SECRETS, "key"), "of the door\n");
  await writeFile(join(root, SECRETS, "token"), "t0ken\n");
  await symlink("/dev/null", join(root, "dev/meter"));
}

function needsAt(root: string): PodmanV0Needs {
  const onCorrupt = ({ file }: { readonly file: string }): void => {
    throw new Error(`${file} is corrupt`);
  };
  const bootId = "00000000-0000-4000-8000-000000000001";
  const folder = join(root, STATE);
  return {
    podman: connectPodman({ socketPath: join(root, "podman.sock"), user: APPLICATION.user }),
    networkRemains: { runFolder: join(root, "run"), onLost: () => undefined },
    device: { id: "pi-01", labels: { site: "vienna" }, bootId },
    journal: fileSwapJournal({ folder: join(folder, "swaps"), onCorrupt }),
    startList: fileStartList({ folder: join(folder, "start"), onCorrupt }),
    disk: { freeBytes: () => Promise.resolve(10_000_000_000), flush: () => Promise.resolve() },
    imageLedger: openImageLedger({ folder, bootId, onCorrupt }),
    host: hostView({ root, secretsFolder: SECRETS, stateFolder: STATE, onCorrupt }),
    policy: {
      hostPaths: ["/srv/in", "/srv/out:ro"],
      devices: ["/dev/meter"],
      hostNetwork: true,
      capabilities: ["NET_ADMIN"],
      file: "/etc/iot-agent/config.toml",
    },
  };
}

/** Writes the records on disk in the midst of a trial, with every field. */
async function remember({ journal, startList, imageLedger }: PodmanV0Needs): Promise<void> {
  const failure = { service: "web", reason: "PortInUse", why: "host port 8080/tcp is held by nginx" };
  const version = (revision: string) => ({ revision, scoreString: '{"type":"PodmanV0","data":{}}' });
  await journal.write("app", {
    format: 1,
    good: version("6 of git:demo"),
    trial: {
      to: version("7 of git:demo"),
      startedAt: "2026-01-01T00:00:00.000Z",
      bootId: "00000000-0000-4000-8000-000000000001",
      deviceFailures: 1,
      resumedAt: "2026-01-01T00:01:00.000Z",
      failure,
      setback: { ...failure, at: "2026-01-01T00:02:00.000Z", count: 2 },
      isAside: true,
    },
    verdict: { of: version("5 of git:demo"), at: "2025-12-31T00:00:00.000Z", reason: "Exited", message: "x:2 failed" },
    crashes: { web: { count: 3, startAt: "2026-01-01T00:03:00.000Z", exitCode: 4, lastLine: "out of paper" } },
    held: ["app_web"],
    stopped: { app_db: 1_767_225_600_000 },
  });
  await startList.write("app", ["app_web", "app_db"]);
  // The clock decides when the images of the Score were pulled, so these entries are removed.
  for (const id of Object.keys(await imageLedger.pulled())) await imageLedger.forget(id);
  await imageLedger.pullBegins("docker.io/library/db:latest");
  await imageLedger.pullEnds("docker.io/library/db:latest", "sha256:3", 1_767_225_600_000);
  await imageLedger.pullBegins("registry.example/acme/web:1.2");
}

async function filesIn(folder: string): Promise<Written["files"]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: Record<string, Written["files"][string]> = {};
  for (const entry of entries.toSorted((a, b) => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1))) {
    const path = join(entry.parentPath, entry.name);
    const { mode, size } = await stat(path);
    const shown = `0${(mode & 0o777).toString(8)}`;
    const name = path.slice(folder.length + 1);
    if (entry.isDirectory()) files[`${name}/`] = { mode: shown };
    else files[name] = size > 100_000 ? { mode: shown, bytes: size } : { mode: shown, text: await readFile(path, "utf8") };
  }
  return files;
}
