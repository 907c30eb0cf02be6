// Compose files as people have them, what becomes of them, and that nothing of them is lost in
// silence.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { formatPath } from "@harmony/core";
import { Deployment } from "@iot/contracts";
import { parse as parseBy } from "@harmony/schema";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { lintFiles } from "../lint-files.ts";
import { convertCompose } from "./convert-compose.ts";
import { listOf, mapOf } from "./notes.ts";

const BESIDE: Readonly<Record<string, string>> = { "./mosquitto.conf": "listener 1883\nallow_anonymous true\n" };

const options = { file: "compose.yaml", name: "My_Project", device: "pi-7", readBeside: (path: string) => BESIDE[path] ?? null };
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
/** A service of this one field; what is told of it, and nothing else that is. */
const service = (field: string) => {
  const { data, notes } = convert(`services:\n  web:\n    image: nginx\n    restart: always\n    ${field.replaceAll("\n", "\n    ")}\n`);
  const { name: _, image: __, ...rest } = mapOf(servicesOf(data)[0]);
  return { ...rest, notes: notes.map((note) => note.replace("services.web.", "")) };
};

test("a stack with a broker, flows, a database and dashboards", async () => {
  const { document, data, notes } = await fixture("telemetry.yaml");
  expect(document.metadata.name).toBe("my-project");
  expect(document.spec.targetDevices).toEqual(["pi-7"]);
  const file = { logging: { driver: "k8s-file", maxSize: "10Mi" }, restart: "unless-stopped" };
  expect(servicesOf(data)).toEqual([
    {
      ...file,
      name: "mosquitto",
      image: "eclipse-mosquitto:2",
      ports: ["1883:1883", "9001:9001"],
      volumes: ["mosquitto_data:/mosquitto/data"],
      files: [{ path: "/mosquitto/config/mosquitto.conf", content: BESIDE["./mosquitto.conf"] }],
    },
    {
      ...file,
      name: "node-red",
      image: "nodered/node-red:3.1",
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
      image: "influxdb:2.7",
      ports: ["8086:8086"],
      env: {
        DOCKER_INFLUXDB_INIT_MODE: "setup",
        DOCKER_INFLUXDB_INIT_PASSWORD: "INFLUX_PASSWORD",
        DOCKER_INFLUXDB_INIT_RETENTION: "4w",
      },
      volumes: ["influx:/var/lib/influxdb2"],
      resources: { memory: "512Mi", cpus: 0.5 },
    },
    { ...file, name: "grafana", image: "grafana/grafana-oss", ports: ["3000:3000"], volumes: ["grafana:/var/lib/grafana"], user: "472" },
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
    "services.grafana.env_file",
    "services.grafana.networks",
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
    },
    {
      name: "zigbee2mqtt",
      image: "koenkk/zigbee2mqtt",
      env: { TZ: "Europe/Berlin", ON: "yes", LEVEL: "755", RATE: "1.5" },
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
  expect(notes.find((note) => note.startsWith("services.zigbee2mqtt.capAdd[1]"))).toContain(
    "rootless Podman cannot give real-time priority",
  );
  expect(notes).toHaveLength(9);
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
      workingDir: "/app",
    },
    {
      name: "db",
      image: "postgres:16",
      volumes: ["db-var-lib-postgresql-data:/var/lib/postgresql/data"],
      tmpfs: ["/scratch:size=64m"],
      shmSize: "128Mi",
      restart: "no",
      healthcheck: { test: "pg_isready -U shop", interval: "30s" },
      resources: { memory: "1Gi" },
    },
    { name: "migrate", image: "registry.example/migrate:latest", restart: "no" },
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
    ['ports: ["80-90:80-85"]', { notes: ["ports[0]: is a range whose ends do not match, or of more than 64 ports: it is not taken over"] }],
    ["environment: { A: 1, B: true, C: '' }", { env: { A: "1", B: "true", C: "" }, notes: [] }],
    ["environment: [A=b=c, B=]", { env: { A: "b=c", B: "" }, notes: [] }],
    ["command: [sleep, 10]", { command: ["sleep", "10"], notes: [] }],
    ["healthcheck: { disable: true }", { healthcheck: "none", notes: [] }],
    ["healthcheck: { test: [NONE] }", { healthcheck: "none", notes: [] }],
    ["healthcheck: { test: 'x', interval: 1.5m }", { healthcheck: { test: "x", interval: "90s" }, notes: [] }],
    ["mem_limit: 512k\ncpus: 2\npids_limit: 100", { resources: { memory: "512Ki", cpus: 2, pids: 100 }, notes: [] }],
    ["mem_limit: 1073741824", { resources: { memory: "1Gi" }, notes: [] }],
    ["mem_limit: 0.5g", { resources: { memory: "512Mi" }, notes: [] }],
    ["volumes: ['data:/data:ro,z']", { volumes: ["data:/data:ro"], notes: ["volumes[0]: the options z are not taken over"] }],
    [
      "volumes: ['./mosquitto.conf:/m.conf']",
      {
        files: [{ path: "/m.conf", content: BESIDE["./mosquitto.conf"] }],
        notes: ["volumes[0]: ./mosquitto.conf has become a file of the Score, which the container cannot write to"],
      },
    ],
    ["pull_policy: always", { pull: "newer", notes: [] }],
    ["stop_grace_period: 500ms", { stopTimeoutSeconds: 1, notes: [] }],
    [
      "stop_grace_period: 2h",
      { stopTimeoutSeconds: 3600, notes: ["stop_grace_period: is longer than a device waits: it has become 3600 s"] },
    ],
    ["user: 1000", { user: "1000", notes: [] }],
    [
      "logging: { driver: journald, options: { tag: x } }",
      { logging: { driver: "journald" }, notes: ["logging.options.tag: is not taken over"] },
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
    ["pids_limit: -2", { notes: ["pids_limit: -2 is not taken over"] }],
    ["security_opt: ['no-new-privileges:false']", { noNewPrivileges: false, notes: [] }],
    ["security_opt: [no-new-privileges=true]", { noNewPrivileges: true, notes: [] }],
    ["security_opt: [no-new-privileges]", { noNewPrivileges: true, notes: [] }],
    ["security_opt: ['seccomp:x.json']", { notes: ["security_opt[0]: is not taken over"] }],
    ["tmpfs: ['/run:suid,dev,size=1m']", { tmpfs: ["/run:suid,dev,size=1m"], notes: [] }],
    [
      "user: ${A:-${B:-x}}",
      {
        user: "x",
        notes: ["B", "A"].map((name) => `user: the variable ${name} is taken as its default, "x": a Score has no variables`),
      },
    ],
    ["runtime: nvidia", { notes: ["runtime: is not taken over"] }],
  ])("%s", (field, becomes) => {
    expect(service(field)).toEqual(becomes);
  });
});

test("deploy has the restart policy", () => {
  const text = "services: { web: { image: nginx, deploy: { restart_policy: { condition: on-failure, max_attempts: 5, delay: 5s } } } }";
  const { data, notes } = convert(text);
  expect(servicesOf(data)).toEqual([{ name: "web", image: "nginx", restart: "on-failure:5" }]);
  expect(notes).toEqual(["services.web.deploy.restart_policy.delay: is not taken over"]);
});

describe("of a service nothing is lost in silence: without it something is otherwise in the Deployment, or in what is told", () => {
  const full = {
    image: "nginx:1",
    ports: ["8080:80", { target: 81, published: 8081, protocol: "udp", host_ip: "127.0.0.1", mode: "host", name: "metrics" }],
    expose: ["9000"],
    volumes: ["data:/data:ro", { type: "volume", source: "more", target: "/more", read_only: true, volume: { nocopy: true } }],
    tmpfs: ["/scratch"],
    environment: { A: "1" },
    command: ["serve", "now"],
    entrypoint: ["/app"],
    healthcheck: { test: ["CMD", "true"], interval: "1m", timeout: "5s", retries: 5, start_period: "1m", start_interval: "1s" },
    mem_limit: "64m",
    cpus: 0.5,
    pids_limit: 50,
    restart: "on-failure",
    user: "1000",
    devices: ["/dev/i2c-1"],
    cap_add: ["NET_ADMIN"],
    cap_drop: ["ALL"],
    logging: { driver: "json-file", options: { "max-size": "5m", "max-file": "3" } },
    init: true,
    read_only: true,
    working_dir: "/srv",
    stop_grace_period: "1m",
    stop_signal: "SIGINT",
    pull_policy: "always",
    container_name: "mine",
    deploy: { replicas: 2, restart_policy: { delay: "5s" }, resources: { reservations: { cpus: "0.1" } } },
    depends_on: ["db"],
    hostname: "reader",
    extra_hosts: ["plc:10.0.0.7"],
    dns: ["10.0.0.1"],
    sysctls: { "net.core.somaxconn": "1024" },
    ulimits: { nofile: { soft: 1024, hard: 4096 }, nproc: 99 },
    shm_size: "256m",
    networks: { plant: { aliases: ["opc"] } },
    group_add: ["4242"],
  };
  const told = (web: unknown) => convertCompose(JSON.stringify({ services: { web } }), options);
  const leaves = (value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] =>
    typeof value !== "object" || value === null
      ? [path]
      : Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, Array.isArray(value) ? Number(key) : key]));
  /** undefined takes it out. */
  const put = (value: unknown, [key, ...rest]: readonly (string | number)[], leaf: unknown): unknown => {
    if (key === undefined) return leaf;
    if (Array.isArray(value))
      return value.map((one: unknown, index) => (index === key ? put(one, rest, leaf) : one)).filter((one) => one !== undefined);
    return Object.fromEntries(Object.entries(mapOf(value)).map(([name, one]) => [name, name === key ? put(one, rest, leaf) : one]));
  };
  test.each(leaves(full))("%s %s %s %s", (...path) => {
    const original = path.reduce<unknown>((at, key) => (Array.isArray(at) ? at[Number(key)] : mapOf(at)[String(key)]), full);
    const without = told(put(full, path, undefined));
    const lost = [original, { odd: 1 }, ["odd"], "odd value", -7].filter((value) => {
      const converted = told(put(full, path, value));
      // By itself, or as a part of what is named as a whole.
      const isNamed = converted.notes.some((note) => formatPath(["services", "web", ...path]).startsWith(note.path));
      return !isNamed && isDeepStrictEqual(converted, without);
    });
    expect(lost).toEqual([]);
  });
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
