// Each field of the Score becomes the right request to libpod.

import { expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { parsed } from "../../test/scene.ts";
import { containerSpec, type SpecContext } from "./container-spec.ts";
import { unenforced } from "./inputs.ts";
import { NO_INPUT_FACTS } from "./input-facts.ts";

const context: SpecContext = {
  application: APPLICATION,
  deployment: "app",
  device: { id: "pi-01", labels: { site: "lab" } },
  controllers: ["memory", "cpu", "pids"],
  host: { ...NO_INPUT_FACTS, mountsFolder: "/m", secrets: { db: { kind: "present", digest: "d" } } },
};
const web = { name: "web", image: "nginx" };

function specOf(field: object, more: Partial<SpecContext> = {}, others: readonly object[] = []): unknown {
  const score = parsed({ services: [{ ...web, ...field }, ...others] });
  const [service] = score.services;
  if (service === undefined) throw new Error("no service");
  return JSON.parse(JSON.stringify(containerSpec(score, service, { ...context, ...more })));
}

test("of a service that says nothing, only what always is", () => {
  expect(specOf({})).toEqual({
    image: "docker.io/library/nginx:latest",
    env: { IOT_DEVICE_ID: "pi-01", IOT_DEPLOYMENT: "app", IOT_SERVICE: "web" },
    restart_policy: "always",
    stop_timeout: 300,
    portmappings: [],
    volumes: [],
    mounts: [],
    log_configuration: { size: 10_485_760 },
  });
});

test.each<readonly [field: object, spec: object]>([
  [{ env: { A: "1", B: { device: "labels.site" }, C: { device: "id" } } }, { env: { A: "1", B: "lab", C: "pi-01" } }],
  [{ env: { P: { secret: "db" } } }, { secret_env: { P: "app_db.d" } }],
  [
    { ports: ["127.0.0.1:80:8080/udp"] },
    { portmappings: [{ host_ip: "127.0.0.1", host_port: 80, container_port: 8080, protocol: "udp" }] },
  ],
  [{ volumes: ["data:/data:ro"] }, { volumes: [{ Name: "app_data", Dest: "/data", Options: ["ro"] }] }],
  [
    { volumes: ["/srv/a:/a:ro"] },
    {
      volumes: [],
      mounts: [{ type: "bind", source: "/srv/a", destination: "/a", options: ["ro", "nosuid", "nodev"] }],
      annotations: { "run.oci.keep_original_groups": "1" },
    },
  ],
  [{ tmpfs: ["/tmp:size=1m"] }, { mounts: [{ type: "tmpfs", source: "tmpfs", destination: "/tmp", options: ["size=1m"] }] }],
  [
    { devices: ["/dev/serial/by-id/m:/dev/m"] },
    {
      mounts: [{ type: "bind", source: "/dev/serial/by-id/m", destination: "/dev/m", options: ["rw", "nosuid", "noexec"] }],
      annotations: { "run.oci.keep_original_groups": "1" },
    },
  ],
  [{ network: "host" }, { netns: { nsmode: "host" } }],
  [
    { capAdd: ["NET_ADMIN"], capDrop: ["ALL"] },
    { cap_add: ["NET_ADMIN"], cap_drop: ["ALL"] },
  ],
  [{ logging: { driver: "none" } }, { log_configuration: { driver: "none" } }],
  [{ logging: { maxSize: "1Ki" } }, { log_configuration: { driver: "k8s-file", size: 1024 } }],
  [
    { resources: { memory: "1Ki", cpus: 0.5, pids: 3 } },
    { resource_limits: { memory: { limit: 1024 }, cpu: { quota: 50_000, period: 100_000 }, pids: { limit: 3 } } },
  ],
  [{ restart: "on-failure:2" }, { restart_policy: "on-failure", restart_tries: 2 }],
  [
    { stopSignal: "SIGINT", user: "1:2", workingDir: "/w", readOnly: true, init: true },
    { stop_signal: 2, user: "1:2", work_dir: "/w", read_only_filesystem: true, init: true },
  ],
])("%j becomes %j", (field, spec) => {
  expect(specOf(field)).toMatchObject(spec);
});

test("files and secrets are mounted from one folder, which their content names", () => {
  const field = { files: [{ path: "/etc/a", content: "x" }], secrets: [{ name: "db" }] };
  const folder = /\/m\/app_web\.[0-9a-f]{20}/.exec(JSON.stringify(specOf(field)))?.[0] ?? "none";
  const bound = (name: string, destination: string) => ({
    type: "bind",
    source: `${folder}/${name}`,
    destination,
    options: ["ro", "nosuid", "nodev"],
  });
  expect(specOf(field)).toMatchObject({ mounts: [bound("0", "/etc/a"), bound("1", "/run/secrets/db")] });
  const other = { host: { ...context.host, secrets: { db: { kind: "present", digest: "e" } as const } } };
  expect(specOf(field, other)).not.toEqual(specOf(field));
  expect(specOf({ ...field, files: [{ path: "/etc/a", content: "y" }] })).not.toEqual(specOf(field));
  expect(specOf({ ...field, files: [{ path: "/etc/a", content: "x", mode: "0400" }] })).not.toEqual(specOf(field));
});

test("two services share a network of their own, unless it is the host's that one is on", () => {
  const db = { name: "db", image: "db" };
  expect(specOf({}, {}, [db])).toMatchObject({ netns: { nsmode: "bridge" }, Networks: { app_default: { aliases: ["web"] } } });
  expect(specOf({}, {}, [{ ...db, network: "host" }])).not.toHaveProperty("netns");
  expect(specOf({ network: "host" }, {}, [db])).not.toHaveProperty("Networks");
});

test("a limit that nothing enforces here is left out, since the runtime would refuse it, and reported", () => {
  const resources = { memory: "1Ki", cpus: 1, pids: 1 };
  expect(specOf({ resources }, { controllers: ["pids"] })).toMatchObject({ resource_limits: { pids: { limit: 1 } } });
  const [service] = parsed({ services: [{ ...web, resources }] }).services;
  expect(service === undefined ? [] : unenforced(service, ["pids"])).toEqual(["memory", "cpus"]);
});
