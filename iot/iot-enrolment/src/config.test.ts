// The environment: what is assumed, and the one line that a wrong value gets.

import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const local = { IOT_ENROLMENT_URL: "http://127.0.0.1:8443", IOT_ENROLMENT_LISTEN: "127.0.0.1:8443" };
const tls = { IOT_ENROLMENT_URL: "https://enrol.example/", IOT_ENROLMENT_CERT: "/c.pem", IOT_ENROLMENT_CERT_KEY: "/k.pem" };

const zitadel = {
  IOT_ZITADEL_URL: "https://zitadel.example/",
  IOT_ZITADEL_PROJECT: "300",
  IOT_ZITADEL_ORGANISATION: "200",
  IOT_ZITADEL_TOKEN_FILE: "/t",
};

test("all of Zitadel's variables, or none", () => {
  expect(readConfig(tls).zitadel).toBeNull();
  expect(readConfig({ ...tls, ...zitadel }).zitadel).toEqual({
    url: "https://zitadel.example",
    project: "300",
    organisation: "200",
    tokenFile: "/t",
  });
});

test("with TLS it listens everywhere, without it on this machine alone", () => {
  expect(readConfig(tls)).toMatchObject({
    url: "https://enrol.example",
    host: "0.0.0.0",
    port: 8443,
    tokenLifeS: 43_200,
    issuerKeyFile: "/var/lib/iot-enrolment/issuer-key.pem",
    deviceNats: { urls: ["nats://127.0.0.1:4222"] },
  });
  expect(readConfig(local)).toMatchObject({ url: "http://127.0.0.1:8443", host: "127.0.0.1", tls: null });
  expect(readConfig({ ...tls, IOT_ENROLMENT_LISTEN: "[::]:443" })).toMatchObject({ host: "::", port: 443 });
});

test("an OpenBao is where the callout finds it, too, unless devices reach it elsewhere", () => {
  const bao = { IOT_OPENBAO_URL: "https://bao.example:8200/", IOT_OPENBAO_CREDENTIALS: import.meta.filename };
  expect(readConfig({ ...tls, ...bao }).openBao).toMatchObject({
    url: "https://bao.example:8200",
    forDevices: { url: "https://bao.example:8200" },
  });
  expect(readConfig({ ...tls, ...bao, IOT_DEVICE_OPENBAO_URL: "https://bao.field" }).openBao).toMatchObject({
    forDevices: { url: "https://bao.field" },
  });
  expect(readConfig(tls).openBao).toBeNull();
});

test.each([
  [{}, "IOT_ENROLMENT_URL: expected where devices reach this service"],
  [{ ...tls, IOT_ENROLMENT_URL: "http://enrol.example" }, "IOT_ENROLMENT_URL"],
  [{ ...tls, IOT_ENROLMENT_URL: "https://enrol.example/path" }, "IOT_ENROLMENT_URL"],
  [{ ...local, IOT_ENROLMENT_LISTEN: "0.0.0.0:8443" }, "name no certificate"],
  [{ ...local, IOT_ENROLMENT_URL: "https://enrol.example" }, "name no certificate"],
  [{ ...tls, IOT_ENROLMENT_CERT_KEY: "" }, "belong together"],
  [{ ...tls, IOT_ENROLMENT_LISTEN: "8443" }, "IOT_ENROLMENT_LISTEN: expected an address and port"],
  [{ ...tls, IOT_ENROLMENT_TOKEN_MINUTES: "1" }, "from 2 to 10080"],
  [{ ...tls, IOT_DEVICE_NATS_URL: "http://nats" }, "IOT_DEVICE_NATS_URL"],
  [{ ...tls, IOT_DEVICE_NATS_CA: "/none" }, "IOT_DEVICE_NATS_CA: /none cannot be read"],
  [
    { ...tls, IOT_ZITADEL_URL: "https://zitadel.example" },
    "IOT_ZITADEL_PROJECT, IOT_ZITADEL_ORGANISATION, IOT_ZITADEL_TOKEN_FILE: not set",
  ],
  [{ ...tls, ...zitadel, IOT_ZITADEL_URL: "http://zitadel.example" }, "IOT_ZITADEL_URL: expected the address of Zitadel"],
  [{ ...tls, ...zitadel, IOT_ZITADEL_PROJECT: "iot" }, "IOT_ZITADEL_PROJECT: expected an id"],
  [{ ...tls, IOT_OPENBAO_URL: "http://bao" }, "IOT_OPENBAO_URL: expected an address"],
  [{ ...tls, IOT_OPENBAO_URL: "https://bao" }, "IOT_OPENBAO_CREDENTIALS: expected the file"],
  [{ ...tls, IOT_OPENBAO_URL: "https://bao", IOT_OPENBAO_CREDENTIALS: "/none" }, "IOT_OPENBAO_CREDENTIALS: /none cannot be read"],
  [
    { ...tls, IOT_OPENBAO_URL: "https://bao", IOT_OPENBAO_CREDENTIALS: import.meta.filename, IOT_DEVICE_OPENBAO_URL: "bao" },
    "IOT_DEVICE_OPENBAO_URL",
  ],
  [{ ...tls, NATS_PASSWORD: "a", NATS_PASSWORD_FILE: "/a" }, "both set"],
])("refuses %o", (env, message) => {
  expect(() => readConfig(env)).toThrow(message);
});

test("never repeats a password", () => {
  expect(() => readConfig({ ...tls, NATS_PASSWORD: "geheim", NATS_PASSWORD_FILE: "/a" })).not.toThrow("geheim");
});
