import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const GOOD = `[agent]
device_id = "pi-demo-01"

[credentials]
type = "toml-shared"
nats_user = "iot-agent"
nats_pass = "dev-password"

[nats]
urls = ["nats://central:4222"]
`;
const read = (text: string, env: Record<string, string> = {}) => parseConfig(text, { file: "config.toml", env });

describe("the configuration", () => {
  test("of the package's example is taken as it stands, and with what is commented out in it", async () => {
    const example = await readFile(join(import.meta.dirname, "../../package/root/usr/share/doc/iot-agent/examples/config.toml"), "utf8");
    expect(read(example)).toMatchObject({ warnings: [], config: { device: "pi-demo-01", labels: {} } });
    const whole = read(example.replaceAll(/^# (?=\[|\w+ = )/gm, ""));
    expect(whole).toMatchObject({ warnings: [], config: { labels: { site: "plant-7" }, policy: { hostNetwork: true } } });
  });

  test("is that of the contract, with its defaults", () => {
    expect(read(GOOD, { XDG_RUNTIME_DIR: "/run/user/1000" })).toEqual({
      warnings: [],
      config: {
        device: "pi-demo-01",
        labels: {},
        stateDir: "/var/lib/iot-agent",
        runDir: "/run/iot-agent",
        secretsDir: "/etc/iot-agent/secrets",
        policy: { hostPaths: [], devices: [], hostNetwork: false, capabilities: [], file: "config.toml" },
        statusIntervalMs: 30_000,
        relistIntervalMs: 30_000,
        credentials: { type: "toml-shared", natsUser: "iot-agent", natsPass: "dev-password" },
        natsUrls: ["nats://central:4222"],
        userRunDir: "/run/user/1000",
        podmanSocket: "/run/user/1000/podman/podman.sock",
      },
    });
  });

  test("takes what is set", () => {
    const { config } = read(
      GOOD.replace(
        "[credentials]",
        'state_dir = "/data"\nstatus_interval_seconds = 300\nrelist_interval_seconds = 5\n[agent.labels]\nsite = "lab"\n[credentials]',
      ) +
        "connect_timeout_seconds = 20\n" +
        '[podman]\nsocket = "/p.sock"\n',
      { STATE_DIRECTORY: "/var/lib/private:/b" },
    );
    expect(config).toMatchObject({
      stateDir: "/data",
      statusIntervalMs: 300_000,
      relistIntervalMs: 5_000,
      labels: { site: "lab" },
      podmanSocket: "/p.sock",
      natsConnectTimeoutMs: 20_000,
    });
    expect(read(GOOD, { STATE_DIRECTORY: "/var/lib/private:/b" }).config.stateDir).toBe("/var/lib/private");
  });

  test("passes over a section of a later version, and warns of a key that it does not know", () => {
    const { config, warnings } = read(`${GOOD.replace("[nats]", "[nats]\nurl = 'x'")}[later]\nanything = 1\n`);
    expect(config.device).toBe("pi-demo-01");
    expect(warnings).toEqual([
      "config.toml: nats.url: is not a known key and is passed over; known are urls, ca_file, connect_timeout_seconds",
    ]);
  });

  test.each([
    [
      "a device id that is no DNS label",
      GOOD.replace("pi-demo-01", "Pi_1"),
      /^config\.toml: agent\.device_id: expected a DNS label .*, found "Pi_1"$/,
    ],
    ["a missing key", GOOD.replace("device_id", "device"), /^config\.toml: agent\.device_id: is missing: expected text$/],
    ["a missing section", GOOD.replace("[nats]", "[nuts]"), /^config\.toml: nats: is missing: expected a map$/],
    [
      "an unknown kind of credentials",
      GOOD.replace("toml-shared", "zitadel"),
      /^config\.toml: credentials\.type: expected "nats-user" or "toml-shared", found "zitadel"$/,
    ],
    ["no address", GOOD.replace('"nats://central:4222"', ""), /^config\.toml: nats\.urls: expected at least 1 entries, found \[\]$/],
    [
      "a wrong address",
      GOOD.replace("nats://", "http://"),
      /^config\.toml: nats\.urls\[0\]: expected an address of NATS, e\.g\. nats:\/\/central:4222, found "http/,
    ],
    [
      "a number as text",
      GOOD.replace("[credentials]", 'status_interval_seconds = "30"\n[credentials]'),
      /^config\.toml: agent\.status_interval_seconds: expected a number, found "30"$/,
    ],
    ["no TOML", GOOD.replace("[nats]", "[nats"), /^config\.toml:9:\d+: expected TOML: [^\n]+$/],
    [
      "two mistakes",
      GOOD.replace("pi-demo-01", "").replace("toml-shared", "x"),
      /^config\.toml: agent\.device_id: .*; credentials\.type: /,
    ],
  ])("of %s says in one line what to put right", (_, text, message) => {
    expect(() => read(text)).toThrow(message);
    expect(() => read(text)).toThrow(expect.objectContaining({ exitCode: 78 }));
  });

  test.each([
    [
      "a folder with a NUL",
      GOOD.replace("[credentials]", 'state_dir = "/data/\\u0000"\n[credentials]'),
      "agent.state_dir: expected a path without control",
    ],
    [
      "a folder with an escape",
      GOOD.replace("[credentials]", 'run_dir = "/run/\\u001b[2J"\n[credentials]'),
      "agent.run_dir: expected a path without",
    ],
    ["a socket that is a line", `${GOOD}[podman]\nsocket = "/a\\nb"\n`, "podman.socket: expected a path without control characters"],
    ["a port that is none", GOOD.replace(":4222", ":65536"), "nats.urls[0]: expected a port of at most 65535"],
    ["lists without end", `${GOOD}a = ${"[".repeat(20_000)}\n`, "config.toml:11:1005: expected TOML: document contains excessively nested"],
    ["tables without end", `${GOOD}[${"a.".repeat(5_000)}b]\n`, "config.toml: is nested deeper than 128"],
  ])("refuses %s in one plain line", (_what, text, says) => {
    expect(() => read(text)).toThrow(says);
    expect(() => read(text)).not.toThrow(/\p{Cc}/u);
  });

  test("warns of unknown keys in few plain words, whatever they are", () => {
    const keys = [
      '"\\u001b[31mred\\u202e" = 1',
      `"${"x".repeat(10_000)}" = 1`,
      ...Array.from({ length: 1_000 }, (_, index) => `k${index} = 1`),
    ];
    const { warnings } = read(GOOD.replace("[credentials]", `${keys.join("\n")}\n[credentials]`));
    expect(warnings).toHaveLength(21);
    expect(warnings.at(-1)).toBe("config.toml: 982 more keys are not known and are passed over");
    expect(warnings.join("")).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(Math.max(...warnings.map(({ length }) => length))).toBeLessThan(300);
  });

  test("never shows the password", () => {
    for (const text of [GOOD.replace('"dev-password"', "12345678"), GOOD.replace('"dev-password"', '"dev-password')]) {
      expect(() => read(text)).toThrow(/^(?!.*(dev-shared|12345678))/s);
    }
  });
});
