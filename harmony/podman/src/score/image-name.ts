// The name of an image: in a registry, by tag or digest. Podman would also read images from a
// folder, an archive or another storage of the device; no Score has these.

import * as z from "zod/mini";
import { limitOf } from "./limits.ts";

/** The transports of containers-transports(5), and what may stand in their place. */
const TRANSPORT = /^(?:atomic|containers-storage|dir|docker-archive|docker-daemon|oci|oci-archive|ostree|sif|tarball):/i;
const SIGNS = /^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$/;
const FORM = 'expected an image, e.g. "docker.io/library/nginx:alpine"';

export const imageReference = z.string().check(
  z.regex(SIGNS, { error: FORM }),
  z.maxLength(limitOf("imageCharacters")),
  z.check(({ value, issues }) => {
    const message = SIGNS.test(value) ? problem(value) : null;
    if (message !== null) issues.push({ code: "custom", message, input: value });
  }),
  z.describe("An image by tag or digest, e.g. docker.io/library/nginx:alpine. Without a registry: docker.io."),
);

function problem(image: string): string | null {
  const [transport] = TRANSPORT.exec(image) ?? [];
  if (transport !== undefined) {
    return `names what ${transport} reads on the device itself, and a device takes images from a registry alone: push the image to one, and name it there`;
  }
  if (/^(docker|https?):\/\//i.test(image)) return "is written without docker:// or https:// in front: leave that out";
  if (/:\/|\/\/|\/$/.test(image)) return FORM;
  const [name = "", digest, ...more] = image.split("@");
  if (more.length > 0) return "has two @: keep one digest";
  return problemOfName(name) ?? (digest === undefined ? null : problemOfDigest(digest));
}

/** The first part is the registry's when it has a dot, a port or a capital, or is localhost. */
function problemOfName(name: string): string | null {
  const [first = "", ...rest] = name.split("/");
  const isRegistry = rest.length > 0 && (/[.:A-Z]/.test(first) || first === "localhost");
  const [, host = "", port] = /^([^:]*):(.*)$/.exec(isRegistry ? first : "") ?? [];
  if (port !== undefined && !/^\d{1,5}$/.test(port)) return `has the port ${JSON.stringify(port)} after ${host}: expected a number`;
  const path = isRegistry ? rest : [first, ...rest];
  const [last = "", tag, ...tags] = (path.at(-1) ?? "").split(":");
  if (tags.length > 0) return `has two tags, ${[tag, ...tags].map((one) => JSON.stringify(one)).join(" and ")}: keep one`;
  const repository = [...path.slice(0, -1), last];
  if (/[A-Z]/.test(repository.join())) {
    const small = [...(isRegistry ? [first] : []), ...repository.map((part) => part.toLowerCase())].join("/");
    return `expected a repository in small letters, ${JSON.stringify(small)}`;
  }
  const odd = repository.find((part) => !/^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/.test(part));
  if (odd !== undefined) {
    return `has the part ${JSON.stringify(odd)}, which no registry takes: letters and digits, with single . _ or - between`;
  }
  return tag === undefined ? null : problemOfTag(tag);
}

function problemOfTag(tag: string): string | null {
  if (tag === "") return "has a colon and no tag after it: write one, or leave the colon out";
  if (tag.length > 128) return `has a tag of ${tag.length} characters: a registry takes 128`;
  if (/^\w[\w.-]*$/.test(tag)) return null;
  return `has the tag ${JSON.stringify(tag)}, which no registry takes: letters, digits, _, . and -, first a letter, digit or _`;
}

function problemOfDigest(digest: string): string | null {
  const [, algorithm, value = ""] = /^([a-zA-Z0-9+._-]+):(.*)$/.exec(digest) ?? [];
  if (algorithm === undefined) return `has @${digest}, which is no digest: write :${digest} for a tag, or @sha256: with its 64 characters`;
  if (algorithm !== "sha256" || /^[0-9a-f]{64}$/.test(value)) return null;
  return `has a digest of ${value.length} characters after sha256:, where there are 64 of 0-9 and a-f`;
}
