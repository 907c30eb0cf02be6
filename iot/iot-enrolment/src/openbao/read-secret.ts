// Who read which secret, in a line of OpenBao's audit log. Pure. OpenBao writes digests in place of
// values there, and so does this not have them either.

import { plainText } from "@harmony/core";
import { parseJson } from "@harmony/schema";
import { EnrolledId } from "@iot/identity";
import * as z from "zod/mini";

const LINE_BYTES = 65_536;
const NAME_CHARACTERS = 100;

const Line = z.object({
  type: z.literal("response"),
  error: z.optional(z.string()),
  auth: z.object({ display_name: z.string(), policies: z.array(z.string()) }),
  request: z.object({ operation: z.literal("read"), path: z.string().check(z.maxLength(500)) }),
  response: z.object({ data: z.object({ metadata: z.object({ version: z.int() }) }) }),
});

export interface SecretRead {
  /** A device, or who logged in to OpenBao otherwise. */
  readonly by: string;
  /** Whose audit it belongs to; null: it is of no device. */
  readonly device: string | null;
  /** Within `iot/`. */
  readonly path: string;
  readonly version: number;
}

/** null: the line is of something else, or of a read that was refused. */
export function secretRead(line: string): SecretRead | null {
  const parsed = parseJson(Line, line, { bytes: LINE_BYTES, values: 1_000, depth: 12 });
  if (!parsed.ok || parsed.value.error !== undefined) return null;
  const { auth, request, response } = parsed.value;
  const [, path, kind, name] = /^iot\/data\/((devices|groups)\/([^/]+)\/secrets\/.+)$/.exec(request.path) ?? [];
  if (path === undefined) return null;
  // OpenBao puts the name of the login before that of the device.
  const reader = auth.policies.includes("iot-device") ? auth.display_name.replace(/^iot-/, "") : null;
  const device = EnrolledId.safeParse(reader ?? (kind === "devices" ? name : null));
  return {
    by: plainText(reader ?? auth.display_name, NAME_CHARACTERS),
    device: device.success ? device.data : null,
    path: plainText(path, 2 * NAME_CHARACTERS),
    version: response.data.metadata.version,
  };
}
