// What people say of a device, as a source has it (bucket `devices`, key
// `<10 letters of the source's id>.<device>`): so that whoever reads NATS knows the labels, too.

import * as z from "zod/mini";

export const DeviceWords = z.looseObject({
  /** The id of the source whose operator wrote it. */
  source: z.string(),
  labels: z.record(z.string(), z.string()),
  displayName: z.optional(z.string()),
  allowedNamespaces: z.optional(z.array(z.string())),
});
export type DeviceWords = z.output<typeof DeviceWords>;

/** The same, as a source gives it: the labels and the spec of a Device. */
export interface SaidOfDevice {
  readonly labels: Readonly<Record<string, string>>;
  readonly displayName?: string | undefined;
  readonly allowedNamespaces?: readonly string[] | undefined;
}
