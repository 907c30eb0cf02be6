// The one error that the libpod client throws. `code` says what kind of thing went wrong. It is
// read from the HTTP status and, because libpod answers 500 to most expected failures, from the
// text of its cause. `retry` says whether trying the same again may help.

import { plainText } from "@harmony/core";

export type PodmanErrorCode =
  | "not-found"
  | "conflict"
  | "port-in-use"
  /** A port is to be bound to an address that the device does not have. */
  | "address-missing"
  /** pasta cannot copy the device's routes: an interface has an address and no carrier. */
  | "routes-refused"
  /** A killed Podman has made only a part of the namespace that all bridged containers share. */
  | "network-half-made"
  /** The source of a mount is not there any more. */
  | "source-missing"
  /** The container asks for a limit, a sysctl or a group that it cannot have here. */
  | "ulimit-refused"
  | "sysctl-refused"
  | "group-missing"
  | "image-not-found"
  | "image-name-invalid"
  | "wrong-architecture"
  | "registry-unreachable"
  | "registry-denied"
  /** The registry has been asked too often, and says so. */
  | "registry-busy"
  | "disk-full"
  /** Files in Podman's storage are damaged: a power cut lost data that was not yet written. */
  | "damaged"
  /** The socket is absent, refuses, or the answer broke off or did not come in time. */
  | "unreachable"
  /** The answer is not in the shape that this client knows. */
  | "bad-answer"
  | "failed";

export class PodmanError extends Error {
  readonly code: PodmanErrorCode;
  readonly retry: "backoff" | "never";
  /** Podman's own words, shortened to what a person can use; empty when it said nothing. */
  readonly detail: string;

  constructor(message: string, options: { code: PodmanErrorCode; detail?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "PodmanError";
    this.code = options.code;
    this.retry = options.code === "image-name-invalid" || options.code === "bad-answer" ? "never" : "backoff";
    this.detail = options.detail ?? "";
  }
}

/**
 * The words of 4.9 and 5.4 about storage that was damaged on purpose: a layer that is not recorded
 * or not there, links and lists that are empty, a configuration cut short (for which 4.9 says "nil
 * pointer"), content that is not what was pulled, a container whose run folder is gone.
 */
const DAMAGE = new RegExp(
  [
    "layer not known",
    "readlink \\S*/overlay\\S*: invalid argument",
    "recreating the missing symlinks",
    "overlay mount .*no such file or directory",
    "/overlay(-containers|-images|-layers)?/[0-9a-f]{64}\\S*: no such file or directory",
    "does not match expected sha256",
    "file integrity checksum failed",
    "reading blob sha256:[0-9a-f]+: (unexpected )?EOF",
    "unexpected end of (JSON )?input",
    "nil pointer dereference",
  ].join("|"),
  "is",
);

/**
 * The source of a mount is missing: the words when a container is started (crun, runc), and when it
 * is made (Podman).
 */
export const MISSING_SOURCE: RegExp = /(?:cannot stat `|statfs |rootfs at "[^"]*": stat )(\/.+?)`?: no such file or directory/i;

/** The runtime could not open or write the file of a sysctl. */
export const SYSCTL_FILE: RegExp = /(?:open|write(?: to)?) [`"]?\/proc\/sys\/([\w./-]+?)[`"']?: /;

/** The code of an answer about containers, networks, volumes and images on the device. */
export function codeOfAnswer(status: number, text: string): PodmanErrorCode {
  if (/no space left on device|disk quota exceeded|database or disk is full/i.test(text)) return "disk-full";
  if (/address already in use|port is already allocated/i.test(text)) return "port-in-use";
  if (/cannot assign requested address/i.test(text)) return "address-missing";
  if (/couldn't set IPv[46] route/i.test(text)) return "routes-refused";
  if (/rootless netns: mount resolv\.conf .*no such file/i.test(text)) return "network-half-made";
  if (/setrlimit|RLIMIT_\w+\W.*not permitted/i.test(text)) return "ulimit-refused";
  if (SYSCTL_FILE.test(text)) return "sysctl-refused";
  if (/unable to find group/i.test(text)) return "group-missing";
  if (DAMAGE.test(text)) return "damaged";
  if (MISSING_SOURCE.test(text)) return "source-missing";
  if (/no such image|image not known/i.test(text)) return "image-not-found";
  if (status === 404) return "not-found";
  if (status === 409 || /name .*already in use|already exists/i.test(text)) return "conflict";
  return "failed";
}

/** The code of a failed pull, which Podman reports in one line of text within a 200. */
export function codeOfPull(text: string): PodmanErrorCode {
  if (/no space left on device|disk quota exceeded/i.test(text)) return "disk-full";
  if (/layer not known|readlink \S*: invalid argument/i.test(text)) return "damaged";
  if (/parsing reference|invalid reference format|must be lowercase/i.test(text)) return "image-name-invalid";
  if (/no image found in (manifest list|image index) for architecture|does not match the host/i.test(text)) return "wrong-architecture";
  if (/toomanyrequests|too many requests|status( code)?:? 429/i.test(text)) return "registry-busy";
  if (/unauthorized|authentication required|denied|forbidden|invalid username\/password/i.test(text)) return "registry-denied";
  if (/manifest unknown|name unknown|not found|did not resolve to an alias|image not known|unable to retrieve/i.test(text))
    return "image-not-found";
  if (
    /pinging container registry|dial tcp|connection re(fused|set)|i\/o timeout|no such host|HTTP response to HTTPS|network is unreachable|no route to host|TLS|x509|EOF|server (error|misbehaving)|50[0-9]|timeout|deadline/i.test(
      text,
    )
  )
    return "registry-unreachable";
  return "failed";
}

/** A registry may answer with a whole page. */
const PULL_CHARACTERS = 4_096;

/** Removes the request's address, and Go's account of the socket, whose port differs each time. */
export function shortPullError(text: string): string {
  return plainText(text, PULL_CHARACTERS)
    .replace(/^.*(?:Get|Head|Post) "[^"]*": /s, "")
    .replace(/^dial tcp(?: [\d.:[\]a-f]+)?: /, "")
    .replaceAll(/\b(?:read|write) (?:udp|tcp) \S+->\S+: (?:(?:read|write): )?/g, "");
}
