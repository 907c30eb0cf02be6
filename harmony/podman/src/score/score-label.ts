// Reads a Score string back from a container's label. One that cannot be read (made by another
// version, or by hand) counts as none: the container is then replaced.

import { parse, parseJson } from "@harmony/schema";
import * as z from "zod/mini";
import { type PodmanV0, podmanV0Schema } from "./podman-v0-schema.ts";

/** No label has a refused Score: the words of a refusal do not matter. */
const MadeScore = podmanV0Schema({ environmentPrefix: "", secretsFolder: "" });
const Document = z.looseObject({ type: z.literal("PodmanV0"), data: z.unknown() });

let last: { text: string; score: PodmanV0 | null } | null = null;

export function scoreOfLabel(scoreString: string): PodmanV0 | null {
  // The containers of one deployment are read one after another, and again in each pass.
  if (last?.text === scoreString) return last.score;
  const document = parseJson(Document, scoreString);
  const score = document.ok ? parse(MadeScore, document.value.data) : null;
  last = { text: scoreString, score: score?.ok === true ? score.value : null };
  return last.score;
}
