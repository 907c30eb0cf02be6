import { describe, expect, test } from "vitest";
import { redact, secretsOfArguments, secretsOfEnvironment } from "./machine/redact.ts";
import { secretsOfInspected, withoutScore, withoutSecretKeys } from "./support-bundle.ts";

test("secrets of an environment are those whose names say so", () => {
  const environment = [
    "DB_PASSWORD=one",
    "API_TOKEN=two=2",
    "LICENSE_KEY=three",
    "PATH=/bin",
    "IOT_DEVICE_ID=pi-1",
    "MONKEY=no",
    "EMPTY_SECRET=",
  ];
  expect(secretsOfEnvironment(environment)).toEqual(["one", "two=2", "three", ""]);
});

test.each([
  [
    ["serve", "--api-token", "one", "--db-password=two=2", "--port", "80"],
    ["one", "two=2"],
  ],
  [["sh", "-c", "exec serve --secret three -v"], ["three"]],
  [["serve", "--token", "--verbose", "--password-file", "/run/secrets/db", "--compass"], []],
  [["token", "pass"], []],
])("secrets among the arguments %j", (args, secrets) => {
  expect(secretsOfArguments(args)).toEqual(secrets);
});

test("secrets of a container as Podman inspects it, whichever version", () => {
  const config = { Env: ["DB_PASSWORD=one"], Cmd: ["serve", "--token", "two"], Entrypoint: "serve --pass three", CreateCommand: null };
  expect(secretsOfInspected(JSON.stringify([{ Args: ["--secret=four"], Config: config }]))).toEqual(["one", "four", "two", "three"]);
  expect(secretsOfInspected("no such container")).toEqual([]);
});

describe("redact", () => {
  test.each([
    ["as it stands", "user=a pass=hunter22", "user=a pass=[redacted]"],
    ["twice", "hunter22 hunter22", "[redacted] [redacted]"],
    ["within JSON", JSON.stringify({ a: 'with "quotes"' }), '{"a":"[redacted]"}'],
    ["within an address", "http://ana:other@proxy:3128/x", "http://[redacted]@proxy:3128/x"],
    ["one line of many", "line two of it", "[redacted]"],
    ["not what is too short to be one", "abc", "abc"],
  ])("%s", (_, text, expected) => {
    expect(redact(text, ["hunter22", 'with "quotes"', "line one of it\nline two of it\n", "abc", ""])).toBe(expected);
  });
});

test("half a character in a secret, an @ in a password, and a long word are borne", () => {
  expect(redact("a=half\ud800way b", ["half\ud800way"])).toBe("a=[redacted] b");
  expect(redact("nats://ana:p@ss@host:4222", [])).toBe("nats://[redacted]@host:4222");
  expect(redact("a".repeat(1_000_000), [])).toHaveLength(1_000_000);
});

test("keys of a configuration that name a secret, also in a section of another version", () => {
  const text = '[nats]\nurls = ["nats://a"]\n[zitadel]\nclient_secret = "x"\napi_key="y" # z\nkeyboard = "de"\n';
  expect(withoutSecretKeys(text)).toBe(
    '[nats]\nurls = ["nats://a"]\n[zitadel]\nclient_secret = "[redacted]"\napi_key="[redacted]"\nkeyboard = "de"\n',
  );
});

test("the Score in a container's labels, which may hold whole files, is left out", () => {
  const inspected = '{"Labels": {"io.nationtech.iot.score": "{\\"type\\":\\"PodmanV0\\"}", "io.nationtech.iot.revision": "1 of a"}}';
  expect(withoutScore(inspected)).toBe('{"Labels": {"io.nationtech.iot.score": "[left out]", "io.nationtech.iot.revision": "1 of a"}}');
});
