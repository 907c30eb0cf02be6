// Every leaf of a Compose file is in the Deployment with the same meaning, or named in a note that
// says what to do: any services of any of these fields, with values in any spelling.

import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { lintFiles } from "../workloads/lint-files.ts";
import type { Beside } from "./beside.ts";
import { convertCompose } from "./convert-compose.ts";
import { type ComposeMap, listOf, mapOf, type Note } from "./notes.ts";

/** A field as it is written, and whether what has become of the service says the same. */
interface Field {
  readonly key: string;
  readonly yaml: string;
  /**
   * Below the key, by default the last of the value; a note on it, or on what it is in, excuses.
   */
  readonly leaf?: string;
  readonly isKept: (service: ComposeMap) => boolean;
}

const never = (): boolean => false;
const is =
  (key: string, value: unknown) =>
  (service: ComposeMap): boolean =>
    isDeepStrictEqual(service[key], value);
const has =
  (key: string, value: unknown) =>
  (service: ComposeMap): boolean =>
    listOf(service[key]).some((one) => isDeepStrictEqual(one, value));

const digits = fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String);
const written = fc.oneof(
  digits,
  digits.map((text) => `-${text}`),
  fc.bigInt({ min: 0n, max: 2n ** 64n }).map((value) => `0x${value.toString(16)}`),
  fc.nat(0o777777).map((value) => `0${value.toString(8)}`),
  fc.tuple(fc.nat(999), fc.nat(999)).map(([a, b]) => `${a}.${b}0`),
  fc.nat(9999).map((value) => `1_${String(value).padStart(4, "0")}`),
  fc.constantFrom(
    "true",
    "True",
    "FALSE",
    "yes",
    "no",
    "on",
    "Off",
    "y",
    "1e3",
    ".5",
    "2024-01-01",
    "12:30:00",
    "0o17",
    "0b11",
    ".inf",
    "+5",
  ),
  fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9./-]{0,12}$/).filter((text) => !/^(null|true|false)$/i.test(text)),
);
const quoted = fc.string({ unit: "grapheme-ascii", maxLength: 12 }).map((text) => text.replaceAll("$", ""));

const environment = fc
  .tuple(
    fc.constantFrom("A", "B_2", "c"),
    fc.oneof(
      written.map((text) => [text, text] as const),
      quoted.map((text) => [JSON.stringify(text), text] as const),
    ),
  )
  .map(([name, [yaml, text]]): Field => ({
    key: "environment",
    yaml: `{ ${name}: ${yaml} }`,
    leaf: `.${name}`,
    isKept: ({ env }) => mapOf(env)[name] === text,
  }));

const mode = fc.tuple(fc.nat(0o777), fc.constantFrom("0", "0o", '"0', '"', "")).map(([bits, spelling]): Field => {
  const octal = bits.toString(8).padStart(3, "0");
  const yaml = spelling === "" ? String(100 + (bits % 400)) : `${spelling}${octal}${spelling.startsWith('"') ? '"' : ""}`;
  return {
    key: "configs",
    yaml: `[{ source: c, target: /c, mode: ${yaml} }]`,
    leaf: "[0].mode",
    isKept: spelling === "" ? never : has("files", { path: "/c", content: "x", mode: `0${octal}` }),
  };
});

const grace = fc.tuple(fc.nat(2), fc.nat(59), fc.integer({ min: 1, max: 59 })).map(([h, m, s]): Field => {
  const seconds = (h * 60 + m) * 60 + s;
  return { key: "stop_grace_period", yaml: `${h}h${m}m${s}s`, isKept: is("stopTimeoutSeconds", seconds) };
});

const memory = fc.tuple(fc.integer({ min: 4, max: 2000 }), fc.constantFrom("m", "M", "mb", "Mi")).map(([number, unit]): Field => ({
  key: "mem_limit",
  yaml: `${number}${unit}`,
  isKept: ({ resources }) => mebibytes(mapOf(resources)["memory"]) === number,
}));
function mebibytes(text: unknown): number {
  const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(String(text)) ?? [];
  return Number(number) * (unit === "Gi" ? 1024 : 1);
}

const TABLE: readonly (readonly [key: string, yaml: string, isKept: Field["isKept"], leaf?: string])[] = [
  ["image", "nginx", is("image", "docker.io/library/nginx")],
  ["image", "grafana/grafana:10", is("image", "docker.io/grafana/grafana:10")],
  ["image", "localhost/a", is("image", "localhost/a")],
  ["image", "registry.example:5000/a/b@sha256:" + "0".repeat(64), is("image", "registry.example:5000/a/b@sha256:" + "0".repeat(64))],
  ["image", "docker.io/redis", is("image", "docker.io/library/redis")],
  ["command", "[serve, 0010, 1.10, yes]", is("command", ["serve", "0010", "1.10", "yes"])],
  ["command", "serve 'two words'", is("command", "serve 'two words'")],
  ["command", "[]", never],
  ["entrypoint", '["/app", -v]', is("entrypoint", ["/app", "-v"])],
  ["ports", '["8080:80"]', has("ports", "8080:80")],
  ["ports", '["127.0.0.1:8081:80/udp"]', has("ports", "127.0.0.1:8081:80/udp")],
  ["ports", "[8082]", never, "[0]"],
  ["ports", '["8083-8084:1-2"]', has("ports", "8084:2")],
  ["ports", "[{ target: 80, published: 8085, mode: host }]", never, "[0].mode"],
  ["restart", "always", ({ restart }) => restart === undefined || restart === "always"],
  ["restart", "no", is("restart", "no")],
  ["restart", "on-failure:3", is("restart", "on-failure:3")],
  ["restart", "unless-stopped", is("restart", "unless-stopped")],
  ["restart", "sometimes", never],
  ["deploy", "{ restart_policy: { condition: on-failure } }", is("restart", "on-failure")],
  ["deploy", "{ restart_policy: { delay: 5s } }", never, ".restart_policy.delay"],
  ["deploy", "{ replicas: 3 }", never, ".replicas"],
  ["deploy", "{ resources: { limits: { cpus: '0.50' } } }", ({ resources }) => mapOf(resources)["cpus"] === 0.5, ".resources.limits.cpus"],
  ["deploy", "{ placement: { constraints: [a] } }", never, ".placement.constraints[0]"],
  ["healthcheck", "{ disable: true }", is("healthcheck", "none")],
  ["healthcheck", "{ test: [NONE] }", is("healthcheck", "none")],
  ["healthcheck", "{ test: [CMD, a, 010] }", ({ healthcheck }) => isDeepStrictEqual(mapOf(healthcheck)["test"], ["CMD", "a", "010"])],
  ["healthcheck", "{ test: a, retries: 0x3 }", ({ healthcheck }) => mapOf(healthcheck)["retries"] === 3, ".retries"],
  ["healthcheck", "{ test: a, start_interval: 1s }", never, ".start_interval"],
  ["healthcheck", "{ interval: 60s }", never],
  ["volumes", '["./data:/data"]', has("volumes", "data:/data")],
  ["volumes", '["./a/b c:/data:ro"]', has("volumes", "a-b-c:/data:ro")],
  ["volumes", '["./settings.conf:/s.conf:ro"]', has("files", { path: "/s.conf", content: "a = 1\n" })],
  ["volumes", '["./run.sh:/run.sh:ro"]', has("files", { path: "/run.sh", content: "#!/bin/sh\n", mode: "0555" })],
  ["volumes", '["./etc:/etc/app"]', has("files", { path: "/etc/app/a.conf", content: "a" })],
  ["volumes", '["./gone.d:/etc/gone.d"]', has("volumes", "gone-d:/etc/gone.d")],
  ["volumes", '[".:/work"]', never],
  ["volumes", '["./store:/store"]', has("volumes", "store:/store")],
  ["volumes", '["./picture.png:/p.png"]', never, "[0]"],
  ["volumes", '["./gone.yml:/gone.yml"]', never, "[0]"],
  ["volumes", '["~/x:/x"]', never, "[0]"],
  ["volumes", '["named:/n"]', has("volumes", "named:/n")],
  ["volumes", '["/srv/x:/x:ro"]', has("volumes", "/srv/x:/x:ro")],
  ["volumes", '["/dev/bus/usb:/dev/bus/usb"]', has("devices", "/dev/bus/usb")],
  ["volumes", '["/dev/ttyS0/:/dev/port"]', has("devices", "/dev/ttyS0:/dev/port")],
  ["volumes", '["/dev:/dev"]', never],
  ["volumes", '["/dev/shm:/dev/shm"]', has("volumes", "/dev/shm:/dev/shm")],
  ["volumes", '["/etc/localtime:/etc/localtime:ro"]', ({ env }) => isDeepStrictEqual(mapOf(env)["TZ"], { device: "timezone" })],
  ["volumes", '["/var/run/docker.sock:/d.sock"]', never, "[0]"],
  ["volumes", "[{ type: npipe, source: a, target: /b }]", never, "[0].type"],
  ["volumes", "[{ type: bind, source: ./data, target: /d, bind: { create_host_path: true } }]", never, "[0].bind.create_host_path"],
  ["environment", "[{ A: 1 }, B=2]", ({ env }) => mapOf(env)["A"] === "1" && mapOf(env)["B"] === "2"],
  ["tmpfs", "/run", has("tmpfs", "/run")],
  [
    "env_file",
    "app.env",
    ({ env }) => mapOf(env)["FROM_FILE"] === "a b" && isDeepStrictEqual(mapOf(env)["API_TOKEN"], { secret: "API_TOKEN" }),
  ],
  ["env_file", "[{ path: none.env, required: false }]", never, "[0].path"],
  ["container_name", "other-name", has("aliases", "other-name")],
  ["hostname", "my-host", ({ hostname, aliases }) => hostname === "my-host" && listOf(aliases).includes("my-host")],
  ["networks", "{ n: { aliases: [bus] } }", has("aliases", "bus")],
  ["networks", "{ n: { ipv4_address: 10.0.0.3 } }", never, ".n.ipv4_address"],
  ["user", "0:0", is("user", "0:0")],
  ["user", "010", is("user", "010")],
  ["pids_limit", "0100", ({ resources }) => mapOf(resources)["pids"] === 64],
  ["cap_add", "[NET_ADMIN]", is("capAdd", ["NET_ADMIN"])],
  ["cap_add", "[SYS_TIME]", never, "[0]"],
  ["devices", '["/dev/ttyS0:/dev/port:r"]', never, "[0]"],
  ["read_only", "True", is("readOnly", true)],
  ["init", "true", is("init", true)],
  ["shm_size", "64m", is("shmSize", "64Mi")],
  ["sysctls", "{ net.core.somaxconn: 01000 }", ({ sysctls }) => mapOf(sysctls)["net.core.somaxconn"] === "01000", ".net.core.somaxconn"],
  ["pull_policy", "always", is("pull", "newer")],
  ["pull_policy", "weekly", never],
  ["logging", "{ driver: json-file, options: { max-size: 10m, max-file: 3 } }", never, ".options.max-file"],
  ["security_opt", '["apparmor:unconfined"]', never, "[0]"],
  ...(
    "annotations attach blkio_config cgroup cgroup_parent cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares " +
    "cpuset credential_spec depends_on develop device_cgroup_rules dns_opt dns_search domainname external_links extends gpus ipc isolation " +
    "labels mac_address mem_reservation mem_swappiness memswap_limit oom_kill_disable oom_score_adj pid platform post_start pre_stop privileged " +
    "profiles provider runtime scale stdin_open storage_opt tty userns_mode uts volumes_from volume_driver label_file models use_api_socket nonsense"
  )
    .split(" ")
    .map((key) => [key, "[odd]", never, "[0]"] as const),
];

const field: fc.Arbitrary<Field> = fc.oneof(environment, mode, grace, memory, {
  weight: 8,
  arbitrary: fc
    .constantFrom(...TABLE)
    .map(([key, yaml, isKept, leaf]): Field => ({ key, yaml, isKept, ...(leaf === undefined ? {} : { leaf }) })),
});
const services = fc.array(fc.uniqueArray(field, { selector: ({ key }) => key, maxLength: 6 }), { minLength: 1, maxLength: 3 });

const text = (content: string, isProgram = false): Beside => ({ kind: "text", text: content, isProgram });
const BESIDE: Readonly<Record<string, Beside>> = {
  "./settings.conf": text("a = 1\n"),
  "./run.sh": text("#!/bin/sh\n", true),
  "./etc": { kind: "folder", files: new Map([["a.conf", { text: "a", isProgram: false }]]) },
  "./store": { kind: "folder", files: null },
  "./picture.png": { kind: "other" },
  "app.env": text("# comment\nexport FROM_FILE='a b'\nAPI_TOKEN=secret # not for git\n"),
};
const OPTIONS = {
  file: "compose.yaml",
  name: "p",
  device: "pi-7",
  readBeside: (path: string): Beside => BESIDE[path] ?? { kind: "none" },
  variables: new Map(),
};

function lastLeaf(value: unknown): string {
  const last = typeof value === "object" && value !== null ? Object.entries(value).at(-1) : undefined;
  if (last === undefined) return "";
  return `${Array.isArray(value) ? `[${last[0]}]` : `.${last[0]}`}${lastLeaf(last[1])}`;
}

/** What a person is to do, as a sentence of ours says it. */
const SAYS_WHAT_TO_DO =
  /\b(write|put|leave|name|build|give|copy|set|take|convert|publish|run|make|mount|add|have|send|reach|push|change|use|expected|see|keep|migrate|license|switch)\b/;

function excuses(notes: readonly Note[], place: string): Note[] {
  return notes.filter(
    ({ path, message }) =>
      (place === path || (place.startsWith(path) && /^[.[]/.test(place.slice(path.length)))) && SAYS_WHAT_TO_DO.test(message),
  );
}

test("each is kept, or named in a note that says what to do", () => {
  fc.assert(
    fc.property(services, (all) => {
      const yaml = all
        .map((fields, at) => `  s${at}:\n${fields.map(({ key, yaml: value }) => `    ${key}: ${value}\n`).join("") || "    {}\n"}`)
        .join("");
      const converted = convertCompose(`services:\n${yaml}configs: { c: { content: x } }\n`, OPTIONS);
      const data = mapOf(mapOf(mapOf(mapOf(parse(converted.text))["spec"])["score"])["data"]);
      const lost = all.flatMap((fields, at) =>
        fields.flatMap(({ key, yaml: value, leaf = lastLeaf(parse(value)), isKept }) => {
          const service = mapOf(listOf(data["services"])[at]);
          return isKept(service) || excuses(converted.notes, `services.s${at}.${key}${leaf}`).length > 0 ? [] : [`${key}: ${value}`];
        }),
      );
      expect({ lost, notes: lost.length === 0 ? [] : converted.notes }).toEqual({ lost: [], notes: [] });
      const { findings } = lintFiles([{ path: "deployment.yaml", content: Buffer.from(converted.text) }]);
      expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    }),
    { numRuns: 150 },
  );
}, 60_000);
