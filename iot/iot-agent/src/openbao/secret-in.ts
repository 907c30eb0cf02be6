// The bytes of a secret in a document of OpenBao: its field `value`, or `base64` for what is no text.
// Pure.

import type { BaoRead } from "@iot/identity/device";
import * as z from "zod/mini";

const Text = z.object({ value: z.string() });
const Bytes = z.object({ base64: z.string().check(z.regex(/^[A-Za-z0-9+/\s]*={0,2}\s*$/)) });

export type Found =
  | { readonly kind: "found"; readonly bytes: Buffer; readonly path: string; readonly version: number }
  /** Somebody took it away. */
  | { readonly kind: "deleted" }
  /** `isAnswer`: OpenBao said so. */
  | { readonly kind: "none"; readonly isAnswer: boolean; readonly why: string };

export function secretIn(read: BaoRead, path: string): Found {
  if (read.kind === "unknown") return { kind: "none", isAnswer: false, why: read.why };
  if (read.kind === "absent")
    return read.wasDeleted ? { kind: "deleted" } : { kind: "none", isAnswer: true, why: "OpenBao answers that there is none" };
  const { version } = read;
  const text = Text.safeParse(read.data);
  if (text.success) return { kind: "found", bytes: Buffer.from(text.data.value), path, version };
  const bytes = Bytes.safeParse(read.data);
  if (bytes.success) return { kind: "found", bytes: Buffer.from(bytes.data.base64, "base64"), path, version };
  return { kind: "none", isAnswer: false, why: `iot/${path} has no field "value" of text, and none "base64"` };
}
