import { expect, test } from "vitest";
import { secretRead } from "./read-secret.ts";

const line = {
  time: "2026-11-29T13:17:00Z",
  type: "response",
  auth: { display_name: "iot-pi-7", policies: ["iot-device"] },
  request: { operation: "read", path: "iot/data/devices/pi-7/secrets/db" },
  response: { data: { data: { value: "hmac-sha256:5a29" }, metadata: { version: 3 } } },
};

test("a device that has read its secret", () => {
  expect(secretRead(JSON.stringify(line))).toEqual({ by: "pi-7", device: "pi-7", path: "devices/pi-7/secrets/db", version: 3 });
});

test.each<[string, object, object]>([
  [
    "a device that has read its group's",
    { request: { operation: "read", path: "iot/data/groups/kilns/secrets/cloud" } },
    { by: "pi-7", device: "pi-7", path: "groups/kilns/secrets/cloud" },
  ],
  [
    "a person who has read a device's",
    { auth: { display_name: "userpass-anna", policies: ["iot-secrets"] } },
    { by: "userpass-anna", device: "pi-7" },
  ],
  [
    "a name that would colour a terminal",
    { auth: { display_name: "\u001b[31mred", policies: [] } },
    { by: expect.not.stringContaining("\u001b") as unknown },
  ],
])("%s", (_what, changed, expected) => {
  expect(secretRead(JSON.stringify({ ...line, ...changed }))).toMatchObject(expected);
});

test.each<[string, object]>([
  ["a request, whose answer comes", { type: "request" }],
  ["one that was refused", { error: "permission denied" }],
  ["the way to NATS", { request: { operation: "read", path: "iot/data/devices/pi-7/nats" } }],
  ["a grant", { request: { operation: "read", path: "iot/data/grants/pi-7" } }],
  ["a write", { request: { operation: "update", path: "iot/data/devices/pi-7/secrets/db" } }],
  ["a login", { request: { operation: "update", path: "auth/iot/login" }, response: {} }],
])("is nothing: %s", (_what, changed) => {
  expect(secretRead(JSON.stringify({ ...line, ...changed }))).toBeNull();
});

test("nor is half a line, or what is none", () => {
  for (const text of ["", "{", '{"type":"response"}', "null"]) expect(secretRead(text)).toBeNull();
});
