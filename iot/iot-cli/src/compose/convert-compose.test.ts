// Compose files as people have them, what becomes of them, and that nothing of them is lost in
// silence.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Deployment } from "@iot/contracts";
import { parse as parseBy } from "@harmony/schema";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { lintFiles } from "../workloads/lint-files.ts";
import type { Beside } from "./beside.ts";
import { convertCompose } from "./convert-compose.ts";
import { listOf, mapOf } from "./notes.ts";

const BESIDE: Readonly<Record<string, string>> = { "./mosquitto.conf": "listener 1883\nallow_anonymous true\n" };

const options = {
  file: "compose.yaml",
  name: "My_Project",
  device: "pi-7",
  readBeside: (path: string): Beside => {
    const text = BESIDE[path];
    return text === undefined ? { kind: "none" } : { kind: "text", text, isProgram: false };
  },
  variables: new Map<string, string>(),
};
function convert(text: string) {
  const { text: yaml, notes } = convertCompose(text, options);
  expect(lintFiles([{ path: "deployment.yaml", content: Buffer.from(yaml) }])).toEqual({ findings: [], deployments: 1 });
  const deployment = parseBy(Deployment, parse(yaml));
  if (!deployment.ok) throw new Error(yaml);
  return {
    yaml,
    document: deployment.value,
    data: deployment.value.spec.score.data,
    notes: notes.map(({ path, message }) => `${path}: ${message}`),
  };
}
const fixture = (name: string) => readFile(join(import.meta.dirname, "../../test/compose", name), "utf8").then(convert);
const servicesOf = (data: Readonly<Record<string, unknown>>) => listOf(data["services"]).map(mapOf);
/** A service of this one field; what is reported of it, and nothing else that is. */
const service = (field: string) => {
  const { data, notes } = convert(`services:\n  web:\n    image: nginx\n    restart: always\n    ${field.replaceAll("\n", "\n    ")}\n`);
  const { name: _, image: __, stopTimeoutSeconds, ...rest } = mapOf(servicesOf(data)[0]);
  return {
    ...rest,
    ...(stopTimeoutSeconds === 10 ? {} : { stopTimeoutSeconds }),
    notes: notes.map((note) => note.replace("services.web.", "")),
  };
};

test("a stack with a broker, flows, a database and dashboards", async () => {
  const { document, data, notes } = await fixture("telemetry.yaml");
  expect(document.metadata.name).toBe("my-project");
  expect(document.spec.targetDevices).toEqual(["pi-7"]);
  const file = { logging: { driver: "k8s-file", maxSize: "10Mi" }, restart: "unless-stopped", stopTimeoutSeconds: 10 };
  expect(servicesOf(data)).toEqual([
    {
      ...file,
      name: "mosquitto",
      image: "docker.io/library/eclipse-mosquitto:2",
      ports: ["1883:1883", "9001:9001"],
      volumes: ["mosquitto_data:/mosquitto/data", "log:/mosquitto/log"],
      files: [{ path: "/mosquitto/config/mosquitto.conf", content: BESIDE["./mosquitto.conf"] }],
    },
    {
      ...file,
      name: "node-red",
      image: "docker.io/nodered/node-red:3.1",
      ports: ["1880:1880"],
      env: { TZ: "Europe/Vienna" },
      volumes: ["node_red_data:/data"],
      devices: ["/dev/ttyUSB0"],
      aliases: ["node_red"],
      healthcheck: {
        test: ["CMD-SHELL", "wget -qO- http://localhost:1880 || exit 1"],
        interval: "10s",
        timeout: "5s",
        retries: 5,
        startPeriod: "60s",
      },
    },
    {
      ...file,
      name: "influxdb",
      image: "docker.io/library/influxdb:2.7",
      ports: ["8086:8086"],
      env: {
        DOCKER_INFLUXDB_INIT_MODE: "setup",
        DOCKER_INFLUXDB_INIT_PASSWORD: { secret: "INFLUX_PASSWORD" },
        DOCKER_INFLUXDB_INIT_RETENTION: "4w",
      },
      volumes: ["influx:/var/lib/influxdb2"],
      resources: { memory: "512Mi", cpus: 0.5 },
    },
    {
      ...file,
      name: "grafana",
      image: "docker.io/grafana/grafana-oss",
      ports: ["3000:3000"],
      volumes: ["grafana:/var/lib/grafana"],
      user: "472",
    },
  ]);
  expect(notes.map((note) => note.split(": ")[0])).toEqual([
    "services.node_red.image",
    "services.influxdb.environment.DOCKER_INFLUXDB_INIT_PASSWORD",
    "networks",
    "services.mosquitto.container_name",
    "services.mosquitto.volumes[2]",
    "services.mosquitto.logging.options.max-file",
    "services.node_red",
    "services.node_red.depends_on",
    "services.node_red.environment.NODE_RED_CREDENTIAL_SECRET",
    "services.node_red.devices[0]",
    "services.node_red.devices[0]",
    "services.node_red.group_add",
    "services.node_red.healthcheck.interval",
    "services.node_red.logging.options.max-file",
    "volumes.influx.driver",
    "services.influxdb.ports[0].mode",
    "services.influxdb.deploy.resources.reservations",
    "services.influxdb.logging.options.max-file",
    "services.grafana.networks",
    "services.grafana.env_file[0]",
    "services.grafana.logging.options.max-file",
  ]);
});

test("a house with radios: the host's network, devices, capabilities", async () => {
  const { document, data, notes } = await fixture("home.yaml");
  expect(document.metadata.name).toBe("home");
  expect(servicesOf(data)).toEqual([
    {
      name: "homeassistant",
      image: "ghcr.io/home-assistant/home-assistant:stable",
      env: { TZ: { device: "timezone" } },
      volumes: ["/srv/homeassistant:/config"],
      network: "host",
      restart: "unless-stopped",
      stopTimeoutSeconds: 10,
    },
    {
      name: "zigbee2mqtt",
      image: "docker.io/koenkk/zigbee2mqtt",
      env: { TZ: "Europe/Berlin", ON: "yes", LEVEL: "0755", RATE: "1.50" },
      tmpfs: ["/tmp:size=64m"],
      devices: ["/dev/serial/by-id/usb-ITead_Sonoff_Zigbee_3.0-if00-port0:/dev/ttyACM0"],
      stopTimeoutSeconds: 90,
      stopSignal: "SIGINT",
      init: true,
      readOnly: true,
      capAdd: ["NET_ADMIN"],
      capDrop: ["ALL"],
    },
  ]);
  expect(notes).toContain(
    "services.homeassistant.privileged: is refused: a container with all rights is the device; name what it needs (devices, capAdd)",
  );
  expect(notes).toContain(
    "services.homeassistant.network_mode: is the host's network, which the device's policy has to allow: host_network = true under [policy] in its config.toml",
  );
  expect(notes.find((note) => note.startsWith("services.zigbee2mqtt.cap_add[1]"))).toContain(
    "rootless Podman cannot give real-time priority",
  );
  expect(notes).toHaveLength(11);
});

test("a shop that is built, with secrets and configs", async () => {
  const { data, notes } = await fixture("shop.yaml");
  expect(servicesOf(data)).toEqual([
    {
      name: "web",
      image: "registry.example/shop/web:1.4",
      ports: ["127.0.0.1:8000:8000", "127.0.0.1:8001:8001", "5353:53/udp"],
      command: 'gunicorn --bind 0.0.0.0:8000 "shop.wsgi:app"',
      env: { DATABASE_URL: "postgres://shop@db/shop", PRICE: "$5" },
      extraHosts: ["erp:10.0.0.7"],
      files: [{ path: "/etc/app.ini", content: "[app]\ndebug = no\n" }],
      secrets: [{ name: "db_password" }, { name: "tls_key", path: "/etc/tls/key.pem" }],
      restart: "on-failure",
      stopTimeoutSeconds: 10,
      workingDir: "/app",
    },
    {
      name: "db",
      image: "docker.io/library/postgres:16",
      volumes: ["db-var-lib-postgresql-data:/var/lib/postgresql/data"],
      tmpfs: ["/scratch:size=64m"],
      shmSize: "128Mi",
      restart: "no",
      stopTimeoutSeconds: 10,
      healthcheck: { test: "pg_isready -U shop", interval: "30s" },
      resources: { memory: "1Gi" },
    },
    { name: "migrate", image: "registry.example/migrate:latest", restart: "no", stopTimeoutSeconds: 10 },
  ]);
  const paths = notes.map((note) => note.split(": ")[0]?.replace("services.", ""));
  expect(new Set(paths)).toEqual(
    new Set([
      ...["depends_on", "profiles", "labels", "secrets[0]", "secrets[1].mode", "secrets[1]", "configs[1]", "build"].map(
        (key) => `web.${key}`,
      ),
      ...["ports[2]", "entrypoint", "deploy.replicas"].map((key) => `web.${key}`),
      ...["volumes[0]", "restart", "logging.driver"].map((key) => `db.${key}`),
      ...["network_mode", "build", "restart"].map((key) => `migrate.${key}`),
    ]),
  );
});

describe("each form", () => {
  test.each<readonly [field: string, becomes: object]>([
    [
      'ports: [80, "8080:80/udp", "[::1]:81:80"]',
      {
        ports: ["8080:80/udp", "[::1]:81:80"],
        notes: ["ports[0]: names no port of the host, where Compose takes any that is free: write host:container"],
      },
    ],
    ["ports: [{ target: 80, published: 8080, host_ip: 127.0.0.1, protocol: udp }]", { ports: ["127.0.0.1:8080:80/udp"], notes: [] }],
    [
      'ports: ["80-90:80-85"]',
      {
        notes: [
          "ports[0]: is a range whose ends do not match, or of more than 64 ports: it is not taken over; write each as host:container",
        ],
      },
    ],
    ["environment: { A: 1, B: true, C: '' }", { env: { A: "1", B: "true", C: "" }, notes: [] }],
    ["environment: [A=b=c, B=]", { env: { A: "b=c", B: "" }, notes: [] }],
    ["command: [worker, 10]", { command: ["worker", "10"], notes: [] }],
    [
      "command: [sleep, 10]",
      {
        command: ["sleep", "10"],
        notes: ["command: sleep as process 1 does not hear SIGTERM, so each change waits 10 s for it: write init: true"],
      },
    ],
    ["healthcheck: { disable: true }", { healthcheck: "none", notes: [] }],
    ["healthcheck: { test: [NONE] }", { healthcheck: "none", notes: [] }],
    ["healthcheck: { test: 'x', interval: 1.5m }", { healthcheck: { test: "x", interval: "90s" }, notes: [] }],
    ["mem_limit: 512k\ncpus: 2\npids_limit: 100", { resources: { memory: "512Ki", cpus: 2, pids: 100 }, notes: [] }],
    ["mem_limit: 1073741824", { resources: { memory: "1Gi" }, notes: [] }],
    ["mem_limit: 0.5g", { resources: { memory: "512Mi" }, notes: [] }],
    [
      "volumes: ['data:/data:ro,z']",
      { volumes: ["data:/data:ro"], notes: ["volumes[0]: the options z are not taken over; a device needs none of them, leave them out"] },
    ],
    [
      "volumes: ['./mosquitto.conf:/m.conf']",
      {
        files: [{ path: "/m.conf", content: BESIDE["./mosquitto.conf"] }],
        notes: ["volumes[0]: ./mosquitto.conf has become a file of the Score, which the container cannot write to"],
      },
    ],
    [
      "ports: [{ target: 80, published: 81, mode: ingress, name: web }]",
      {
        ports: ["81:80"],
        notes: ["ports[0].mode: is not needed: a port is the device's own; leave it out", "ports[0].name: is not needed: leave it out"],
      },
    ],
    ["volumes: [{ type: volume, source: a, target: /a, volume: {} }]", { volumes: ["a:/a"], notes: [] }],
    ["environment: [{ A: 1 }, B=2]", { env: { A: "1", B: "2" }, notes: [] }],
    ["pull_policy: always", { pull: "newer", notes: [] }],
    ["stop_grace_period: 500ms", { stopTimeoutSeconds: 1, notes: [] }],
    [
      "stop_grace_period: 2h",
      {
        stopTimeoutSeconds: 3600,
        notes: ["stop_grace_period: is longer than a device waits: it has become 3600 s; have the program end within them"],
      },
    ],
    ["user: 1000", { user: "1000", notes: [] }],
    [
      "logging: { driver: journald, options: { tag: x } }",
      {
        logging: { driver: "journald" },
        notes: [
          "logging.options.tag: is not taken over: a Score has no such field; leave it out, and see whether the service does without it",
        ],
      },
    ],
    ["network_mode: bridge", { notes: [] }],
    ["x-own: 1", { notes: [] }],
    [
      "read_only: ${RO:-true}",
      { readOnly: true, notes: ['read_only: the variable RO is taken as its default, "true": a Score has no variables'] },
    ],
    ['init: "true"\nmem_limit: 1t', { init: true, resources: { memory: "1024Gi" }, notes: [] }],
    ["healthcheck: { test: x, retries: '7', interval: 1d }", { healthcheck: { test: "x", retries: 7, interval: "86400s" }, notes: [] }],
    ["pids_limit: -1", { resources: { pids: 4_194_304 }, notes: [] }],
    ["pids_limit: 0", { resources: { pids: 4_194_304 }, notes: [] }],
    ["pids_limit: -2", { notes: ["pids_limit: -2 is not taken over: write what it should be here"] }],
    ["security_opt: ['no-new-privileges:false']", { noNewPrivileges: false, notes: [] }],
    ["security_opt: [no-new-privileges=true]", { noNewPrivileges: true, notes: [] }],
    ["security_opt: [no-new-privileges]", { noNewPrivileges: true, notes: [] }],
    [
      "security_opt: ['seccomp:x.json']",
      { notes: ["security_opt[0]: is not taken over: the device's own profiles count; leave it out, and see whether the service runs"] },
    ],
    ["tmpfs: ['/run:suid,dev,size=1m']", { tmpfs: ["/run:suid,dev,size=1m"], notes: [] }],
    [
      "user: ${A:-${B:-x}}",
      {
        user: "x",
        notes: ["B", "A"].map((name) => `user: the variable ${name} is taken as its default, "x": a Score has no variables`),
      },
    ],
    [
      "extra_hosts: ['plc:10.0.0.7', 'v6=::1', 'host.docker.internal:host-gateway']",
      { extraHosts: ["plc:10.0.0.7", "v6:::1", "host.docker.internal:host-gateway"], notes: [] },
    ],
    ["extra_hosts: { plc: [10.0.0.7, 10.0.0.8] }", { extraHosts: ["plc:10.0.0.7", "plc:10.0.0.8"], notes: [] }],
    ["dns: 192.168.1.1", { dns: ["192.168.1.1"], notes: [] }],
    ["sysctls: [net.core.somaxconn=1024]", { sysctls: { "net.core.somaxconn": "1024" }, notes: [] }],
    [
      "sysctls: { vm.max_map_count: 262144 }",
      {
        sysctls: {},
        notes: [
          'sysctls.vm.max_map_count: is not taken over: is the whole device\'s, which rootless Podman cannot set: put it into /etc/sysctl.d on the device, found "262144"; write it as it should be, or leave it out',
        ],
      },
    ],
    [
      "ulimits: { nofile: { soft: 1024, hard: 4096 }, nproc: 99 }",
      { ulimits: { nofile: { soft: 1024, hard: 4096 }, nproc: 99 }, notes: [] },
    ],
    ["shm_size: 256m", { shmSize: "256Mi", notes: [] }],
    ["hostname: reader", { hostname: "reader", aliases: ["reader"], notes: [] }],
    [
      "networks: { plant: { aliases: [opc, plc] } }",
      {
        aliases: ["opc", "plc"],
        notes: [
          "networks: is not taken over: the services of a deployment share one network and find each other by name; write the name where an address stands",
        ],
      },
    ],
    [
      "devices: ['/dev/bus/usb:/dev/bus/usb']",
      {
        devices: ["/dev/bus/usb"],
        notes: [
          'devices[0]: is a device, which the device\'s policy has to allow: devices = ["/dev/bus/usb"] under [policy] in its config.toml',
        ],
      },
    ],
    ["group_add: [4242]", { groupAdd: ["4242"], notes: [] }],
    [
      "volumes: ['/etc/localtime:/etc/localtime:ro']",
      {
        env: { TZ: { device: "timezone" } },
        notes: ["volumes[0]: has become the variable TZ with the device's time zone; an image without time zones (tzdata) goes by UTC"],
      },
    ],
    [
      "runtime: nvidia",
      { notes: ["runtime: is not taken over: a device has one runtime; name the nodes that the program needs in devices"] },
    ],
  ])("%s", (field, becomes) => {
    expect(service(field)).toEqual(becomes);
  });
});

test("deploy has the restart policy", () => {
  const text = "services: { web: { image: nginx, deploy: { restart_policy: { condition: on-failure, max_attempts: 5, delay: 5s } } } }";
  const { data, notes } = convert(text);
  expect(servicesOf(data)).toEqual([{ name: "web", image: "docker.io/library/nginx", restart: "on-failure:5", stopTimeoutSeconds: 10 }]);
  expect(notes).toEqual([
    "services.web.deploy.restart_policy.delay: is not taken over: the agent waits longer after each failure; leave it out",
  ]);
});

test("text that YAML might read otherwise is quoted", () => {
  const values = ["no", "0755", "1_000", "~", "null", "1e3", "12:30:00", "# x", "a: b", "x:", "", " y", "two\nlines\n", "{a}", "@x", "-"];
  const { data } = convert(
    JSON.stringify({
      services: { web: { image: "x", environment: Object.fromEntries(values.map((value, index) => [`V${index}`, value])) } },
    }),
  );
  expect(Object.values(mapOf(servicesOf(data)[0]?.["env"]))).toEqual(values);
});

test.each([
  ["a: [", /^compose\.yaml is not valid YAML: /],
  ["[]", 'compose.yaml is no Compose file: it has no map "services"'],
  ["services: []", 'compose.yaml is no Compose file: it has no map "services"'],
])("%s is no Compose file", (text, says) => {
  expect(() => convert(text)).toThrow(says);
});
