// Reads a Score string back from a container's label. One that cannot be read (made by another
// version, or by hand) counts as none: the container is then replaced.

import { parse, parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import { unlimited } from "./limits.ts";
import { type PodmanV0, podmanV0Schema } from "./podman-v0-schema.ts";

/** No label has a refused Score: the words of a refusal do not matter. */
const MadeScore = podmanV0Schema({ environmentPrefix: "", secretsFolder: "", busyFolder: "" }, unlimited);
const Document = z.looseObject({ type: z.literal("PodmanV0"), data: z.unknown() });

/**
 * The containers of one deployment are read one after another and again in each pass: a few texts
 * cover the versions that it has at once.
 */
const READ_TEXTS = 4;
const read = new Map<string, PodmanV0 | null>();

export function scoreOfLabel(scoreString: string): PodmanV0 | null {
  const known = read.get(scoreString);
  if (known !== undefined) return known;
  const document = parseJson(Document, scoreString);
  const parsed = document.ok ? parse(MadeScore, document.value.data) : null;
  const score = parsed?.ok === true ? parsed.value : null;
  const [oldest] = read.keys();
  if (read.size >= READ_TEXTS && oldest !== undefined) read.delete(oldest);
  read.set(scoreString, score);
  return score;
}
