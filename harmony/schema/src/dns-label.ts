// DNS labels (RFC 1123). Devices, deployments and services have such names, since these become
// subjects, keys, host names and container names.

import * as z from "zod/mini";

export const DNS_LABEL: RegExp = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export function isDnsLabel(text: string): boolean {
  return DNS_LABEL.test(text);
}

export const DnsLabel: z.ZodMiniString<string> = z
  .string()
  .check(z.regex(DNS_LABEL, { error: "expected a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit)" }));
