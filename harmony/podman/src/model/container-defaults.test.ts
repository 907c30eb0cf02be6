// What a container gets where its Score does not say, and how a Score loosens it.

import { expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { parsed } from "../../test/scene.ts";
import { withDefaults } from "./container-defaults.ts";
import { type ContainerSpec, containerSpec } from "./container-spec.ts";
import { NO_INPUT_FACTS } from "./input-facts.ts";

function specOf(field: object, controllers: readonly string[] = ["memory", "pids"]): ContainerSpec {
  const score = parsed({ services: [{ name: "web", image: "nginx", ...field }] });
  const [service] = score.services;
  if (service === undefined) throw new Error("no service");
  const device = { id: "pi-01", labels: {} };
  return containerSpec(score, service, { application: APPLICATION, deployment: "app", device, controllers, host: NO_INPUT_FACTS });
}

const tmpfs = (options: readonly string[]) => [{ type: "tmpfs", source: "tmpfs", destination: "/t", options }];

test.each<readonly [field: object, made: object]>([
  [{}, { no_new_privileges: true, resource_limits: { pids: { limit: 2048 } }, mounts: [] }],
  [{ noNewPrivileges: false }, { no_new_privileges: false }],
  [{ resources: { pids: 9000 } }, { resource_limits: { pids: { limit: 9000 } } }],
  [{ resources: { memory: "1Ki" } }, { resource_limits: { memory: { limit: 1024 }, pids: { limit: 2048 } } }],
  [{ tmpfs: ["/t"] }, { mounts: tmpfs(["nosuid", "nodev"]) }],
  [{ tmpfs: ["/t:size=1m,suid"] }, { mounts: tmpfs(["size=1m", "suid", "nodev"]) }],
  [{ tmpfs: ["/t:nodev,suid"] }, { mounts: tmpfs(["nodev", "suid"]) }],
])("%j is made with %j", (field, made) => {
  expect(withDefaults(specOf(field), ["memory", "pids"])).toMatchObject(made);
});

test("a limit that nothing enforces here is not asked for, since no start would succeed", () => {
  expect(withDefaults(specOf({}, []), []).resource_limits).toBeUndefined();
});

test("a default is no part of what shows whether a container is as its Score says, and what is written is", () => {
  const plain = JSON.stringify(specOf({ tmpfs: ["/t"] }));
  expect(plain).not.toMatch(/no_new_privileges|pids|nosuid/);
  expect(JSON.stringify(specOf({ tmpfs: ["/t"], noNewPrivileges: true }))).not.toBe(plain);
  expect(JSON.stringify(specOf({ tmpfs: ["/t:nosuid"] }))).not.toBe(plain);
});
