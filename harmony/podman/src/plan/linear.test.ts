// The work of a plan grows with the ports and no faster: counted by how often a port is looked at,
// not by time. Twice as many ports are looked at twice as often.

import { expect, test } from "vitest";
import { container, desired, proved, snapshot } from "../../test/scene.ts";
import type { HostPort } from "../score/held-ports.ts";
import { plan } from "./planner.ts";

const SERVICES = 8;

/** A deployment of so many ports, in the version of an image. */
function version(image: string, ports: number) {
  const names = Array.from({ length: SERVICES }, (_, at) => `s${at}`);
  return {
    services: names.map((name, at) => ({
      name,
      image,
      ports: Array.from({ length: ports / SERVICES }, (_, index) => `${at * (ports / SERVICES) + index + 1}:80`),
    })),
  };
}

function looksAt(ports: number): number {
  let looks = 0;
  const counted = (port: HostPort): HostPort => ({
    hostIp: port.hostIp,
    protocol: port.protocol,
    get hostPort() {
      looks += 1;
      return port.hostPort;
    },
  });
  const [before, after] = [version("x:1", ports), version("x:2", ports)];
  const containers = before.services.map(({ name }) => container(name, before)).map((one) => ({ ...one, ports: one.ports.map(counted) }));
  const seen = snapshot({ ...proved(before), containers, images: ["x:1", "x:2"], networks: ["app_default"] });
  expect(plan(desired(after), seen).steps.filter(({ kind }) => kind === "stop")).toHaveLength(SERVICES);
  return looks;
}

test("twice as many ports are looked at twice as often by a change of version", () => {
  const [once, twice, fourTimes] = [looksAt(256), looksAt(512), looksAt(1024)];
  expect(once).toBeGreaterThan(256);
  expect(twice / once).toBeLessThan(2.1);
  expect(fourTimes / twice).toBeLessThan(2.1);
});
