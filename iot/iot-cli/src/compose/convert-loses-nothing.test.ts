import { isDeepStrictEqual } from "node:util";
import { formatPath } from "@harmony/core";
import { describe, expect, test } from "vitest";
import { convertCompose } from "./convert-compose.ts";
import { mapOf } from "./notes.ts";

const options = { file: "compose.yaml", name: "p", device: "pi-7", readBeside: () => ({ kind: "none" }) as const, variables: new Map() };

describe("of a service nothing is lost in silence: without it something is otherwise in the Deployment, or in what is reported", () => {
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
  const reported = (web: unknown) => convertCompose(JSON.stringify({ services: { web } }), options);
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
    const without = reported(put(full, path, undefined));
    const lost = [original, { odd: 1 }, ["odd"], "odd value", -7].filter((value) => {
      const converted = reported(put(full, path, value));
      // By itself, or as a part of what is named as a whole.
      const isNamed = converted.notes.some((note) => formatPath(["services", "web", ...path]).startsWith(note.path));
      return !isNamed && isDeepStrictEqual(converted, without);
    });
    expect(lost).toEqual([]);
  });
});
