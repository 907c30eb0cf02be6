// The name of an image: in a registry, by tag or digest. Podman would also read images from a
// folder, an archive or another storage of the device; no Score has these.

import * as z from "zod/mini";
import { limitOf } from "./limits.ts";

/** The transports of containers-transports(5), and what may stand in their place. */
const TRANSPORT = /^(?:atomic|containers-storage|dir|docker-archive|docker-daemon|oci|oci-archive|ostree|sif|tarball):/i;
const FORM = 'expected an image, e.g. "docker.io/library/nginx:alpine"';

export const imageReference = z.string().check(
  z.regex(/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$/, { error: FORM }),
  z.maxLength(limitOf("imageCharacters")),
  z.check(({ value, issues }) => {
    const message = problem(value);
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
  return /:\/|\/\/|\/$/.test(image) ? FORM : null;
}
