// Which port clashes with which, and that the answer does not depend on how many are held.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { HeldPorts, type HostPort } from "./held-ports.ts";

const port: fc.Arbitrary<HostPort> = fc.record({
  hostIp: fc.constantFrom("", "10.0.0.1", "10.0.0.2", "::1"),
  hostPort: fc.constantFrom(80, 81),
  protocol: fc.constantFrom("tcp", "udp"),
});
const holder = fc.constantFrom("a", "b", "c");

const clashes = (a: HostPort, b: HostPort): boolean =>
  a.hostPort === b.hostPort && a.protocol === b.protocol && (a.hostIp === b.hostIp || a.hostIp === "" || b.hostIp === "");

test("the holder is the first whose port is the same, at the same address or at all", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(port, holder)), port, fc.option(holder, { nil: undefined }), (held, asked, except) => {
      const ports = new HeldPorts<string>();
      for (const [each, by] of held) ports.add(each, by);
      const first = held.find(([each, by]) => by !== except && clashes(each, asked));
      expect(ports.holderOf(asked, except)).toBe(first?.[1]);
    }),
  );
});
