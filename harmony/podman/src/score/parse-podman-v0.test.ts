// The answer to bad input: for each field the path and a sentence that says what was expected or
// what to write instead.

import { formatIssues } from "@harmony/core";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { APPLICATION } from "../../test/application.ts";
import { podmanV0Parser } from "./parse-podman-v0.ts";
import { podmanV0Schema } from "./podman-v0-schema.ts";

const parsePodmanV0 = podmanV0Parser(APPLICATION);

const service = { name: "web", image: "nginx:alpine" };

const IMPOSSIBLE: readonly (readonly [image: string, says: string])[] = [
  ["registry.example/App:1", 'expected a repository in small letters, "registry.example/app"'],
  ["App:1", 'expected a repository in small letters, "app"'],
  ["registry.example/app:", "has a colon and no tag after it: write one, or leave the colon out"],
  ["registry.example/app:1:2", 'has two tags, "1" and "2": keep one'],
  ["registry.example/app@sha256:abc", "has a digest of 3 characters after sha256:, where there are 64 of 0-9 and a-f"],
  ["registry.example/app@latest", "has @latest, which is no digest: write :latest for a tag, or @sha256: with its 64 characters"],
  ["registry.example/app:-x", 'has the tag "-x", which no registry takes: letters, digits, _, . and -, first a letter, digit or _'],
  ["registry.example/-app:1", 'has the part "-app", which no registry takes: letters and digits, with single . _ or - between'],
  ["registry.example:port/app:1", 'has the port "port" after registry.example: expected a number'],
];

const POSSIBLE = [
  "nginx",
  "nginx:alpine",
  "library/nginx:1.27.0_x-Y",
  "localhost:5000/a/b__c/d-e.f:1",
  "localhost/app",
  "Registry.Example/app:1",
  "10.0.0.1:5000/app",
  "registry.example:443/app--x",
  `registry.example/app@sha256:${"0".repeat(64)}`,
  `registry.example/app:1@sha256:${"a".repeat(64)}`,
  `app@sha512:${"a".repeat(128)}`,
];

function complaint(data: unknown): string {
  const parsed = parsePodmanV0(data);
  return parsed.ok ? "none" : formatIssues(parsed.issues);
}

test("the mission's own example is taken, and defaults are filled in", () => {
  const parsed = parsePodmanV0({ services: [{ name: "hello", image: "docker.io/library/nginx:alpine", ports: ["8080:80"] }] });
  expect(parsed).toEqual({
    ok: true,
    value: {
      services: [
        {
          name: "hello",
          image: "docker.io/library/nginx:alpine",
          pull: "missing",
          ports: [{ hostIp: "", hostPort: 8080, containerPort: 80, protocol: "tcp" }],
          env: {},
          volumes: [],
          tmpfs: [],
          files: [],
          secrets: [],
          devices: [],
          capAdd: [],
          capDrop: [],
          restart: { policy: "always", retries: 0 },
          stopTimeoutSeconds: 300,
          init: false,
          readOnly: false,
        },
      ],
    },
  });
});

test.each<readonly [field: object, read: object]>([
  [{ ports: ["127.0.0.1:80:8080/udp"] }, { ports: [{ hostIp: "127.0.0.1", hostPort: 80, containerPort: 8080, protocol: "udp" }] }],
  [{ ports: ["[::1]:80:8080"] }, { ports: [{ hostIp: "::1", hostPort: 80, containerPort: 8080, protocol: "tcp" }] }],
  [{ command: 'serve \'two words\' "and \\"quotes\\"" a\\ b' }, { command: ["serve", "two words", 'and "quotes"', "a b"] }],
  [{ entrypoint: ["/bin/app", "-v"] }, { entrypoint: ["/bin/app", "-v"] }],
  [{ restart: false }, { restart: { policy: "no", retries: 0 } }],
  [{ restart: "on-failure:3" }, { restart: { policy: "on-failure", retries: 3 } }],
  [{ volumes: ["data:/data:ro"] }, { volumes: [{ kind: "volume", name: "data", path: "/data", readOnly: true }] }],
  [{ tmpfs: ["/tmp:size=64m,mode=1777"] }, { tmpfs: [{ path: "/tmp", options: ["size=64m", "mode=1777"] }] }],
  [{ stopSignal: "INT" }, { stopSignal: 2 }],
  [{ resources: { memory: "256Mi", cpus: "0.5", pids: 100 } }, { resources: { memory: 268_435_456, cpus: 0.5, pids: 100 } }],
  [{ resources: { memory: "256M" } }, { resources: { memory: 256_000_000 } }],
  [
    { healthcheck: { test: "curl -f localhost", interval: "1m30s", startPeriod: "500ms" } },
    {
      healthcheck: {
        test: ["CMD-SHELL", "curl -f localhost"],
        interval: 90_000,
        timeout: 30_000,
        retries: 3,
        startPeriod: 500,
        onFailure: "none",
      },
    },
  ],
])("%j is read", (field, read) => {
  expect(parsePodmanV0({ services: [{ ...service, ...field }] })).toMatchObject({ ok: true, value: { services: [read] } });
});

describe("of a service", () => {
  test.each<readonly [field: object, says: string]>([
    [{ name: "Web_1" }, 'name: expected a DNS label (at most 63 of a-z, 0-9 and -, first and last a letter or digit), found "Web_1"'],
    [{ image: undefined }, "image: is missing: expected text"],
    [{ image: "two words" }, 'image: expected an image, e.g. "docker.io/library/nginx:alpine", found "two words"'],
    [{ pull: "always" }, 'pull: expected "missing" or "newer" or "never", found "always"'],
    [{ ports: ["80"] }, 'ports[0]: expected "[ip:]host:container[/udp]", e.g. "8080:80", found "80"'],
    [{ ports: [8080] }, 'ports[0]: expected "[ip:]host:container[/udp]", e.g. "8080:80", in quotes, found 8080'],
    [{ ports: ["0:80"] }, 'ports[0]: expected "[ip:]host:container[/udp]", e.g. "8080:80", found "0:80"'],
    [{ ports: ["8080:80", "8080:81"] }, 'ports[1]: host port 8080/tcp is used by services[0].ports[0] already, found "8080:81"'],
    [{ env: { A: 1 } }, 'env.A: expected text: quote it, "1", found 1'],
    [{ env: { A: true } }, 'env.A: expected text: quote it, "true", found true'],
    [{ env: ["A=1"] }, 'env: expected a map, and no list: write {A: "1"}, found ["A=1"]'],
    [{ env: [{ name: "A", value: "b" }] }, 'env: expected a map, and no list: write {A: "b"}, found [{"name":"A","value":"b"}]'],
    [{ env: [1] }, "env: expected a map, found [1]"],
    [{ env: { "A=B": "1" } }, 'env.A=B: expected a name without = and white space, found "A=B"'],
    [
      { env: { IOT_SERVICE: "x" } },
      'env.IOT_SERVICE: is what the agent sets, by what the device and the deployment are called: leave it out, found "x"',
    ],
    [{ entrypoint: [] }, "entrypoint: is empty, which means nothing: leave it out, and the image's own is started, found []"],
    [{ tmpfs: ["tmp"] }, 'tmpfs[0]: expected "/path[:options]", e.g. "/run" or "/tmp:size=64m", found "tmp"'],
    [{ command: "it's" }, `command: expected a command line whose quotes are closed, found "it's"`],
    [{ command: ["a", 1] }, 'command: expected a command line or a list of texts, e.g. ["httpd", "-f"]; numbers in quotes, found ["a",1]'],
    [{ restart: "sometimes" }, 'restart: expected always, unless-stopped, on-failure[:tries] or no, found "sometimes"'],
    [{ restart: true }, "restart: expected always, unless-stopped, on-failure[:tries] or no, found true"],
    [{ stopSignal: "SIGFOO" }, 'stopSignal: expected a signal, e.g. "SIGINT", found "SIGFOO"'],
    [{ stopTimeoutSeconds: "10s" }, 'stopTimeoutSeconds: expected a number, found "10s"'],
    [{ user: 1000 }, 'user: expected "user[:group]" in quotes, e.g. "1000:1000", found 1000'],
    [{ workingDir: "app" }, 'workingDir: expected an absolute path, found "app"'],
    [{ resources: { memory: "256m" } }, 'resources.memory: expected a size, e.g. "256Mi" or "256M", found "256m"'],
    [{ resources: { memory: 256 } }, 'resources.memory: expected a size, e.g. "256Mi" or "256M", in quotes, found 256'],
    [{ resources: { cpus: 0 } }, "resources.cpus: expected a number of CPUs of at least 0.01, e.g. 0.5, found 0"],
    [{ resources: { limits: {} } }, "resources.limits: is not a field of PodmanV0: use memory, cpus and pids straight in resources"],
    [
      { healthcheck: { test: ["curl"] } },
      'healthcheck.test: expected a list that begins with "CMD" or "CMD-SHELL" and the command, found ["curl"]',
    ],
    [
      { healthcheck: { test: "true", interval: 30 } },
      'healthcheck.interval: expected a duration, e.g. "30s", "1m30s" or "500ms", in quotes, found 30',
    ],
    [{ healthcheck: { test: "true", start_period: "5s" } }, "healthcheck.start_period: is not a field of PodmanV0: use startPeriod"],
    [{ dependsOn: [] }, "dependsOn: is known, not yet supported: leave it out"],
    [{ privileged: true }, "privileged: is refused: a container with all rights is the device; name what it needs (devices, capAdd)"],
    [{ container_name: "x" }, "container_name: is not a field of PodmanV0: use name (the container is called <deployment>_<name>)"],
    [{ environment: [] }, "environment: is not a field of PodmanV0: use env, a map"],
    [{ args: [] }, "args: is not a field of PodmanV0: use command for the arguments (as in Compose), or entrypoint for the program"],
    [{ stop_grace_period: "1m" }, "stop_grace_period: is not a field of PodmanV0: use stopTimeoutSeconds, a number"],
    [{ colour: "red" }, "colour: is not a known field"],
    [{ port: ["80:80"] }, "port: is not a known field: do you mean ports?"],
    [{ enviroment: {} }, "enviroment: is not a field of PodmanV0: use env, a map"],
    [{ healthcheck: { test: "true", intervall: "30s" } }, "healthcheck.intervall: is not a known field: do you mean interval?"],
    [{ files: [{ path: "/a", content: "", mod: "0444" }] }, "files[0].mod: is not a known field: do you mean mode?"],
    [
      { env: { A: { secrets: "x" } } },
      'env.A: expected text, {secret: NAME}, {device: id}, {device: timezone} or {device: labels.NAME}, found {"secrets":"x"}',
    ],
    ...IMPOSSIBLE.map(([image, says]) => [{ image }, `image: ${says}, found ${JSON.stringify(image)}`] as const),
  ])("%j is refused", (field, says) => {
    expect(complaint({ services: [{ ...service, ...field }] })).toBe(`services[0].${says}`);
  });
});

test.each<readonly [data: unknown, says: string]>([
  [null, "expected a map, found null"],
  [{}, "services: is missing: expected a list"],
  [{ services: [] }, "services: expected at least 1 entries, found []"],
  [
    { services: [service], volumes: {} },
    'volumes: is not a field of PodmanV0: a volume is made where a service names it, e.g. volumes: ["data:/var/lib/app"]',
  ],
  [{ services: [service, service] }, 'services[1].name: is the name of services[0] already, found "web"'],
  [
    {
      services: [
        { ...service, ports: ["80:80"] },
        { ...service, name: "b", ports: ["127.0.0.1:80:81"] },
      ],
    },
    'services[1].ports[0]: host port 80/tcp is used by services[0].ports[0] already, found "127.0.0.1:80:81"',
  ],
])("%j is refused", (data, says) => {
  expect(complaint(data)).toBe(says);
});

test("two addresses may each have a port, and a port each of tcp and udp", () => {
  expect(complaint({ services: [{ ...service, ports: ["10.0.0.1:53:53", "10.0.0.2:53:53", "10.0.0.1:53:53/udp"] }] })).toBe("none");
});

test("a tag may have 128 characters", () => {
  const of = (characters: number): string => complaint({ services: [{ ...service, image: `app:${"x".repeat(characters)}` }] });
  expect(of(128)).toBe("none");
  expect(of(129)).toContain("has a tag of 129 characters: a registry takes 128");
});

test.each(POSSIBLE)("an image may be %s", (image) => {
  expect(complaint({ services: [{ ...service, image }] })).toBe("none");
});

test("everything wrong is reported at once", () => {
  expect(
    complaint({
      services: [
        { name: "web", restart: 1 },
        { ...service, name: "b", foo: 1 },
      ],
    }).split("; "),
  ).toHaveLength(3);
});

test("an editor learns the fields, their forms and what they are for", () => {
  expect(z.toJSONSchema(podmanV0Schema(APPLICATION), { io: "input" })).toMatchObject({
    properties: {
      services: {
        items: {
          additionalProperties: false,
          required: ["name", "image"],
          properties: {
            ports: { type: "array", items: { type: "string" }, description: '"[ip:]host:container[/udp]"' },
            pull: { enum: ["missing", "newer", "never"], default: "missing" },
            stopTimeoutSeconds: { type: "integer", default: 300 },
          },
        },
      },
    },
  });
});
