// A device's id one letter off one that has reported: nothing would run, and nobody would say why.

import { nearName } from "@harmony/schema";
import type { Finding } from "./finding.ts";
import { type Linted, warningAt } from "./linted.ts";

export function deviceFindings(documents: readonly Linted[], reported: readonly string[]): Finding[] {
  const known = new Set(reported);
  return documents.flatMap((document) =>
    document.devices.flatMap((device, index) => {
      const near = known.has(device) ? null : nearName(device, known);
      const message = `has never reported, and ${near} has: do you mean that one?`;
      return near === null ? [] : [warningAt(document, ["spec", "targetDevices", index], message)];
    }),
  );
}
