// PodmanV0, the document: containers of one deployment on one device. Its words are Compose's in
// camelCase. Nothing is dropped in silence: a field that is not known, or is spelt as Compose or
// Kubernetes would, is refused (refused-fields.ts). The JSON Schema for editors is made from this
// schema's input side.

import * as z from "zod/mini";
import { refuseContradictions } from "./contradictions.ts";
import { type Limits, limitOf } from "./limits.ts";
import { HeldPorts } from "./held-ports.ts";
import type { ScoreWords } from "./score-words.ts";
import { type Service, serviceSchema } from "./service.ts";

/** Its sentences use the application's own words. */
export function podmanV0Schema(words: ScoreWords, limits: Limits = limitOf) {
  const services = z.array(serviceSchema(words, limits));
  return z.strictObject({
    services: services.check(z.minLength(1), z.maxLength(limits("services")), z.check(refuseDoubles), z.check(refuseContradictions(words))),
  });
}
export type PodmanV0 = z.output<ReturnType<typeof podmanV0Schema>>;

/** Refuses a name, or a port of the host, that one Score has twice. */
function refuseDoubles(context: z.core.ParsePayload<Service[]>): void {
  const names = new Map<string, string>();
  const ports = new HeldPorts<string>();
  const refuse = (path: (string | number)[], message: string, input: unknown): void => {
    context.issues.push({ code: "custom", path, message, input });
  };
  context.value.forEach((service, index) => {
    const here = `services[${index}]`;
    const first = names.get(service.name);
    if (first !== undefined) refuse([index, "name"], `is the name of ${first} already`, service.name);
    names.set(service.name, here);
    service.ports.forEach((port, at) => {
      const taken = ports.holderOf(port);
      const { hostPort, protocol } = port;
      if (taken !== undefined) refuse([index, "ports", at], `host port ${hostPort}/${protocol} is used by ${taken} already`, undefined);
      ports.add(port, `${here}.ports[${at}]`);
    });
  });
}
