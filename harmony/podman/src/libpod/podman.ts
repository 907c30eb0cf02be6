// The libpod calls that this package makes, one method each. Every answer is parsed at this border,
// and only the fields in use are taken. Throws PodmanError alone, or the reason of the caller's own
// abort. HTTP lives in libpod-http.ts.

import { basename } from "node:path";
import type { Readable } from "node:stream";
import { plainText } from "@harmony/core";
import { abortable } from "@harmony/runtime";
import * as z from "zod/mini";
import {
  DiskUse,
  Event,
  Image,
  Info,
  InspectedContainer,
  ListedContainer,
  ListedImage,
  ListedVolume,
  LoadedImages,
  Named,
  Network,
  Networked,
  PullLine,
  Secret,
  StorageCheck,
  type Volume,
} from "./answers.ts";
import { type ContainerSessions, containerSessions } from "./container-sessions.ts";
import { LibpodHttp, type LibpodOptions, parseAnswer } from "./libpod-http.ts";
import { codeOfPull, PodmanError, shortPullError } from "./podman-error.ts";

const QUICK_MS = 30_000;
/**
 * Creating copies volumes' first content; starting sets up networks. Both are slow on a card under
 * load.
 */
const SLOW_MS = 120_000;
/** A log that is being written to can keep the answer from ending. */
const LOG_MS = 1_000;
/** The lines are the program's own, of any length. */
const LOG_BYTES = 1024 * 1024;
const LOG_LINE_CHARACTERS = 500;
/** A pull that has been silent for so long has lost its registry. */
const SILENT_PULL_MS = 600_000;
/** It reads all of an image from the card, or all of the storage, and writes some of it. */
const WHOLE_IMAGE_MS = 1_800_000;

/**
 * Podman says this when a file is none of the kinds that it tried, each with a reason of its own.
 */
const NO_ARCHIVE = /payload does not match any/;

export interface Podman extends ContainerSessions {
  /**
   * Slow on a device that is busy: Podman runs each of its programs for it, and asks the package
   * manager about them.
   */
  info(signal: AbortSignal): Promise<Info>;
  /**
   * The folder of Podman's storage. It never changes, and an info is a tenth of a second of work or
   * more, so any earlier answer will do, whoever asked.
   */
  graphRoot(signal: AbortSignal): Promise<string>;
  /**
   * The cgroup controllers that can enforce a limit here. They change with a boot or a new session
   * of the user, after which the agent begins anew, so any earlier answer will do.
   */
  controllers(signal: AbortSignal): Promise<readonly string[]>;
  /** Lists running and stopped containers. `label`: a key, or `key=value`. */
  listContainers(label: string, signal: AbortSignal): Promise<readonly ListedContainer[]>;
  /** The containers made from an image, by this reference or another of the same, anyone's. */
  containersOf(reference: string, signal: AbortSignal): Promise<readonly ListedContainer[]>;
  inspectContainer(name: string, signal: AbortSignal): Promise<InspectedContainer>;
  /**
   * The network of each container, anyone's; waits for those that are being started. `namespace`:
   * its name, empty while it has none. `isBridged`: attached to networks that can be named, all in
   * one namespace of the user's.
   */
  networked(signal: AbortSignal): Promise<readonly { readonly namespace: string; readonly isBridged: boolean }[]>;
  /** `spec` is libpod's SpecGenerator. Never pulls. */
  createContainer(spec: Readonly<Record<string, unknown>> & { readonly name: string }, signal: AbortSignal): Promise<void>;
  /** Whether a running container has a file, as its processes see it; false: it does not run. */
  hasFile(name: string, path: string, signal: AbortSignal): Promise<boolean>;
  /** No-op if it runs already. */
  startContainer(name: string, signal: AbortSignal): Promise<void>;
  /**
   * Returns when the container has ended: after its stop signal, or after `timeoutSeconds` by
   * SIGKILL. No-op if it is stopped or does not exist.
   */
  stopContainer(name: string, timeoutSeconds: number, signal: AbortSignal): Promise<void>;
  unpauseContainer(name: string, signal: AbortSignal): Promise<void>;
  renameContainer(name: string, newName: string, signal: AbortSignal): Promise<void>;
  /**
   * Removes a container with its anonymous volumes, ending it if it runs; also the rest of one that
   * exists in the storage alone. No-op if it does not exist.
   */
  removeContainer(name: string, signal: AbortSignal): Promise<void>;
  /** The code of its last end since then, as long as Podman remembers; null: it does not. */
  lastExitCode(name: string, sinceMs: number, signal: AbortSignal): Promise<number | null>;
  /** The last lines it wrote, stdout and stderr in their order. */
  containerLog(name: string, lines: number, signal: AbortSignal): Promise<readonly string[]>;
  /** null: not on the device. */
  inspectImage(reference: string, signal: AbortSignal): Promise<Image | null>;
  listImages(signal: AbortSignal): Promise<readonly ListedImage[]>;
  /**
   * `always` asks the registry even if the image is here. Layers that are here are not fetched
   * again, even if they are damaged.
   */
  pullImage(reference: string, policy: "missing" | "always", signal: AbortSignal, progress: (line: PullLine) => void): Promise<void>;
  /**
   * Loads from a docker-archive or oci-archive; gives the references under which the image is known
   * from then on.
   */
  loadImage(archive: Readable, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Reads every file of the image and compares it with what was pulled. @throws `damaged`. Writes
   * as much to the temporary folder for a while.
   */
  verifyImage(reference: string, signal: AbortSignal): Promise<void>;
  /**
   * Removes an image with all its references. An image that a container is made from is never
   * removed (`conflict`). No-op if it does not exist.
   */
  removeImage(reference: string, signal: AbortSignal): Promise<void>;
  /**
   * Podman checks all of its storage and removes damaged layers, and images that need them.
   * Versions before 5.2 lack it (`not-found`). It fails where a container needs one of them.
   */
  repairStorage(signal: AbortSignal): Promise<StorageCheck>;
  listNetworks(label: string, signal: AbortSignal): Promise<readonly Network[]>;
  createNetwork(network: { readonly name: string; readonly labels: Readonly<Record<string, string>> }, signal: AbortSignal): Promise<void>;
  removeNetwork(name: string, signal: AbortSignal): Promise<void>;
  listVolumes(label: string, signal: AbortSignal): Promise<readonly Volume[]>;
  /** Those that no container mounts, anyone's. */
  unusedVolumes(signal: AbortSignal): Promise<readonly ListedVolume[]>;
  /** Bytes, by name. Slow: every file of every volume is looked at. */
  volumeSizes(signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  createVolume(volume: { readonly name: string; readonly labels: Readonly<Record<string, string>> }, signal: AbortSignal): Promise<void>;
  listSecrets(signal: AbortSignal): Promise<readonly Secret[]>;
  createSecret(name: string, value: Uint8Array, signal: AbortSignal): Promise<void>;
  /** No-op if it does not exist. */
  removeSecret(name: string, signal: AbortSignal): Promise<void>;
  /**
   * Gives events until aborted or the connection ends. Some events get lost: each is a hint that
   * something changed, never the change itself.
   */
  containerEvents(signal: AbortSignal): AsyncGenerator<Event>;
}

export function connectPodman(options: LibpodOptions): Podman {
  const http = new LibpodHttp(options);

  const container = (name: string, rest = ""): string => `/containers/${encodeURIComponent(name)}${rest}`;
  const post = async (
    path: string,
    doing: string,
    signal: AbortSignal,
    more: { body?: unknown; timeoutMs?: number; accept?: number[] } = {},
  ) => {
    await http.call({ method: "POST", path, doing, signal, timeoutMs: QUICK_MS, ...more });
  };
  const remove = (path: string, doing: string, signal: AbortSignal) =>
    http.call({ method: "DELETE", path, doing, signal, timeoutMs: SLOW_MS, accept: [404] });
  const get = (path: string, doing: string, signal: AbortSignal) => ({ method: "GET" as const, path, doing, signal, timeoutMs: QUICK_MS });

  const neverAborted = new AbortController().signal;
  let beingRead: Promise<Info> | null = null;
  let graphRoot: string | null = null;
  let controllers: readonly string[] | null = null;

  // Concurrent callers share one request: at a boot several ask at once, and each answer is seconds
  // of work.
  const info = (signal: AbortSignal): Promise<Info> => {
    const ask = async (): Promise<Info> => {
      const answer = await http.json(Info, { ...get("/info", "read Podman's info", neverAborted), timeoutMs: SLOW_MS });
      graphRoot = answer.store.graphRoot;
      controllers = answer.host.cgroupControllers;
      return answer;
    };
    beingRead ??= ask().finally(() => (beingRead = null));
    return abortable(beingRead, signal);
  };

  return {
    ...containerSessions(http),

    info,

    graphRoot: async (signal) => graphRoot ?? (await info(signal)).store.graphRoot,

    controllers: async (signal) => controllers ?? (await info(signal)).host.cgroupControllers,

    listContainers: (label, signal) =>
      http.json(z.array(ListedContainer), get(`/containers/json?all=true&${filters({ label: [label] })}`, "list containers", signal)),

    containersOf: async (reference, signal) => {
      const doing = `list containers of image "${reference}"`;
      // Podman's own filter by "ancestor" accepts a part of a name: for "web:1" it gives the
      // containers of "web:12" too.
      const all = await http.json(z.array(ListedContainer), get("/containers/json?all=true", doing, signal));
      const ids = new Set(all.filter(({ Image }) => Image === reference).map(({ ImageID }) => ImageID));
      return all.filter(({ ImageID }) => ids.has(ImageID));
    },

    inspectContainer: (name, signal) => http.json(InspectedContainer, get(container(name, "/json"), `inspect container "${name}"`, signal)),

    networked: async (signal) => {
      const all = await http.json(z.array(ListedContainer), get("/containers/json?all=true", "list containers", signal));
      const found = all.map(async ({ Id }) => {
        const asked = { ...get(container(Id, "/json"), `inspect container "${Id}"`, signal), timeoutMs: SLOW_MS };
        try {
          const { NetworkSettings, HostConfig } = await http.json(Networked, asked);
          return [{ namespace: basename(NetworkSettings.SandboxKey), isBridged: HostConfig.NetworkMode === "bridge" }];
        } catch (error) {
          // It was removed since it was listed.
          if (error instanceof PodmanError && error.code === "not-found") return [];
          throw error;
        }
      });
      return (await Promise.all(found)).flat();
    },

    createContainer: (spec, signal) =>
      post("/containers/create", `create container "${spec.name}"`, signal, { body: spec, timeoutMs: SLOW_MS }),

    hasFile: async (name, path, signal) => {
      const doing = `look for ${path} in container "${name}"`;
      const call = get(container(name, `/archive?path=${encodeURIComponent(path)}`), doing, signal);
      return (await http.call({ ...call, method: "HEAD", accept: [404] })).status !== 404;
    },

    startContainer: (name, signal) =>
      post(container(name, "/start"), `start container "${name}"`, signal, { timeoutMs: SLOW_MS, accept: [304] }),

    stopContainer: (name, timeoutSeconds, signal) =>
      post(container(name, `/stop?timeout=${timeoutSeconds}`), `stop container "${name}"`, signal, {
        timeoutMs: timeoutSeconds * 1000 + SLOW_MS,
        accept: [304, 404],
      }),

    unpauseContainer: (name, signal) => post(container(name, "/unpause"), `resume container "${name}"`, signal),

    renameContainer: (name, newName, signal) =>
      post(container(name, `/rename?name=${encodeURIComponent(newName)}`), `rename container "${name}" to "${newName}"`, signal),

    removeContainer: async (name, signal) => {
      await remove(container(name, "?force=true&v=true"), `remove container "${name}"`, signal);
    },

    lastExitCode: async (name, sinceMs, signal) => {
      const doing = `read the events of container "${name}"`;
      const since = Math.floor(sinceMs / 1_000);
      const path = `/events?stream=false&since=${since}&${filters({ container: [name], event: ["died"] })}`;
      let code: number | null = null;
      // On 4.9 no header comes before the first event, and none at all if there is no event.
      for await (const line of http.lines({ method: "GET", path, doing, signal, timeoutMs: LOG_MS })) {
        // Podman leaves out a code of 0.
        code = Number(parseAnswer(Event, line, doing).Actor.Attributes["containerExitCode"] ?? 0);
      }
      return code;
    },

    containerLog: async (name, lines, signal) => {
      const path = container(name, `/logs?stdout=true&stderr=true&tail=${lines}`);
      const doing = `read the log of container "${name}"`;
      const { body } = await http.call({ method: "GET", path, doing, signal, timeoutMs: LOG_MS, mostBytes: LOG_BYTES });
      return logLines(body);
    },

    inspectImage: async (reference, signal) => {
      const call = get(`/images/${encodeURIComponent(reference)}/json`, `inspect image "${reference}"`, signal);
      const answer = await http.call({ ...call, accept: [404] });
      return answer.status === 404 ? null : parseAnswer(Image, answer.body.toString("utf8"), call.doing);
    },

    listImages: (signal) => http.json(z.array(ListedImage), get("/images/json", "list images", signal)),

    pullImage: async (reference, policy, signal, progress) => {
      const doing = `pull image "${reference}"`;
      // Podman reports with `compatMode` how much of each layer is there.
      const path = `/images/pull?compatMode=true&policy=${policy}&reference=${encodeURIComponent(reference)}`;
      let error: string | undefined;
      try {
        for await (const line of http.lines({ method: "POST", path, doing, signal, timeoutMs: SILENT_PULL_MS })) {
          const said = parseAnswer(PullLine, line, doing);
          progress(said);
          error ??= said.error;
        }
      } catch (cause) {
        // A failure before the first layer has a status of its own.
        if (!(cause instanceof PodmanError) || cause.code === "unreachable" || cause.code === "bad-answer") throw cause;
        error = cause.detail;
      }
      if (error !== undefined) throw new PodmanError(`failed to ${doing}`, { code: codeOfPull(error), detail: shortPullError(error) });
    },

    loadImage: async (archive, signal) => {
      const doing = "load the image";
      const call = { method: "POST" as const, path: "/images/load", doing, stream: archive, signal, timeoutMs: WHOLE_IMAGE_MS };
      try {
        return (await http.json(LoadedImages, call)).Names;
      } catch (error) {
        if (!(error instanceof PodmanError) || error.code !== "failed" || !NO_ARCHIVE.test(error.detail)) throw error;
        const message =
          "failed to load the image: this is not an image archive as `podman save` and `docker save` make it, or it was cut short on its way";
        throw new PodmanError(message, { code: "failed", detail: error.detail, cause: error });
      }
    },

    verifyImage: async (reference, signal) => {
      const path = `/images/${encodeURIComponent(reference)}/get?format=docker-archive`;
      await http.call({ method: "GET", path, doing: `read image "${reference}"`, signal, timeoutMs: WHOLE_IMAGE_MS, discard: true });
    },

    removeImage: async (reference, signal) => {
      const path = (name: string): string => `/images/${encodeURIComponent(name)}`;
      const doing = `remove image "${reference}"`;
      const tags = await http
        .json(Image, get(`${path(reference)}/json`, doing, signal))
        .then(({ RepoTags }) => RepoTags)
        // Inspecting a damaged image may fail, but removing it works.
        .catch((error: unknown) => (signal.aborted ? Promise.reject(error) : []));
      for (const name of tags.length === 0 ? [reference] : tags) await remove(path(name), doing, signal);
    },

    repairStorage: (signal) => {
      const path = "/system/check?repair=true";
      return http.json(StorageCheck, { method: "POST", path, doing: "check Podman's storage", signal, timeoutMs: WHOLE_IMAGE_MS });
    },

    listNetworks: (label, signal) =>
      http.json(z.array(Network), get(`/networks/json?${filters({ label: [label] })}`, "list networks", signal)),

    createNetwork: ({ name, labels }, signal) =>
      post("/networks/create", `create network "${name}"`, signal, { body: { name, labels, driver: "bridge", dns_enabled: true } }),

    removeNetwork: async (name, signal) => {
      await remove(`/networks/${encodeURIComponent(name)}`, `remove network "${name}"`, signal);
    },

    listVolumes: (label, signal) => http.json(z.array(Named), get(`/volumes/json?${filters({ label: [label] })}`, "list volumes", signal)),

    unusedVolumes: (signal) =>
      http.json(z.array(ListedVolume), get(`/volumes/json?${filters({ dangling: ["true"] })}`, "list volumes", signal)),

    volumeSizes: async (signal) => {
      const asked = { ...get("/system/df", "measure the volumes", signal), timeoutMs: WHOLE_IMAGE_MS };
      return new Map((await http.json(DiskUse, asked)).Volumes.map(({ VolumeName, Size }) => [VolumeName, Size]));
    },

    createVolume: ({ name, labels }, signal) =>
      post("/volumes/create", `create volume "${name}"`, signal, { body: { Name: name, Labels: labels } }),

    listSecrets: (signal) => http.json(z.array(Secret), get("/secrets/json", "list secrets", signal)),

    createSecret: (name, value, signal) =>
      post(`/secrets/create?name=${encodeURIComponent(name)}`, `create secret "${name}"`, signal, { body: value }),

    removeSecret: async (name, signal) => {
      await remove(`/secrets/${encodeURIComponent(name)}`, `remove secret "${name}"`, signal);
    },

    async *containerEvents(signal) {
      const doing = "listen to container events";
      // The filter leaves the label out: for events a label without a value matches none.
      const path = `/events?stream=true&${filters({ type: ["container"] })}`;
      for await (const line of http.lines({ method: "GET", path, doing, signal, timeoutMs: null })) yield parseAnswer(Event, line, doing);
    },
  };
}

function filters(filter: Readonly<Record<string, readonly string[]>>): string {
  return `filters=${encodeURIComponent(JSON.stringify(filter))}`;
}

/** A frame has one byte for the stream, three of zero, four of length, and as many of text. */
function logLines(body: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at + 8 <= body.length;) {
    const end = at + 8 + body.readUInt32BE(at + 4);
    texts.push(body.toString("utf8", at + 8, end));
    at = end;
  }
  return texts
    .join("")
    .split("\n")
    .map((line) => plainText(line, LOG_LINE_CHARACTERS))
    .filter((line) => line.trim() !== "");
}
