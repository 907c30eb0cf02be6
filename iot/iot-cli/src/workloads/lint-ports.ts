// One port of a device in two Deployments, which one of them would wait for without end.

import { formatPath } from "@harmony/core";
import { HeldPorts } from "@harmony/podman";
import { placeAt } from "@iot/workload-files";
import type { Finding } from "./finding.ts";
import type { Linted } from "./linted.ts";
import { DATA, podmanScoreOf } from "./lint-score.ts";

interface Holder {
  readonly document: Linted;
  readonly line: number;
}

/** Two documents of one name are said of already. */
export function portFindings(documents: readonly Linted[]): Finding[] {
  const byDevice = new Map<string, HeldPorts<Holder>>();
  return documents.flatMap((document) => {
    const holders = new Map<number, Holder>();
    const ports = portsOf(document).map(({ path, port }) => ({ path, port, ...placeAt(document.places, path) }));
    const findings = ports.flatMap(({ path, port, line, column }): Finding[] => {
      const taken = document.devices.flatMap((device) => {
        const holder = byDevice.get(device)?.holderOf(port);
        return holder === undefined || holder.document.name === document.name ? [] : [{ device, holder }];
      });
      const [first] = taken;
      if (first === undefined) return [];
      const { file, name } = first.holder.document;
      const more = taken.length > 1 ? ` and ${taken.length - 1} more` : "";
      const message = `host port ${port.hostPort}/${port.protocol} of ${first.device}${more} is ${name ?? ""}'s too (${file}:${first.holder.line}): give one of them another`;
      return [{ severity: "error", file: document.file, line, column, path: formatPath(path), message }];
    });
    for (const { port, line } of ports) {
      const holder = holders.get(line) ?? { document, line };
      holders.set(line, holder);
      for (const device of document.devices) {
        const held = byDevice.get(device) ?? new HeldPorts<Holder>();
        byDevice.set(device, held);
        held.add(port, holder);
      }
    }
    return findings;
  });
}

function portsOf(document: Linted) {
  const services = podmanScoreOf(document)?.services ?? [];
  return services.flatMap(({ ports }, index) => ports.map((port, at) => ({ path: [...DATA, "services", index, "ports", at], port })));
}
