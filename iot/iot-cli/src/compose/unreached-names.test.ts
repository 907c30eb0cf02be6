import { expect, test } from "vitest";
import { convertCompose } from "./convert-compose.ts";

/**
 * What is said of names in this service, beside a database, a broker on the host's network and
 * others.
 */
function said(app: string): string[] {
  const compose = `services:
  app: { image: a, restart: always, ${app} }
  plant_db: { image: b, restart: always, container_name: plant-db, hostname: db.local }
  broker: { image: c, restart: always, network_mode: host, container_name: the-broker }
`;
  const options = { file: "c.yaml", name: "p", device: "pi-7", readBeside: () => ({ kind: "none" }) as const, variables: new Map() };
  return convertCompose(compose, options).notes.flatMap(({ path, message }) =>
    message.startsWith("names ") ? [`${path.replace("services.", "")}: ${message}`] : [],
  );
}

test.each([
  ["environment: { DB_HOST: plant-db, URL: 'http://plant_db:8086/x', OTHER: 'db.local:5432' }", []],
  ["environment: { A: broken, LEVEL: info, MODE: app, URL: 'https://example.com', HOST: 10.0.0.1, H: 'localhost:80' }", []],
  ["environment: { REV_SERVER: 'true', ROOT_URL: NOT_YET_KNOWN, DB_HOST: none }", []],
  ["environment: { A: '12:30', B: 'image:1.2', C: 'key:value' }", []],
  [
    "environment: { MQ: 'mqtt://mosquito:1883' }",
    [
      "app.environment.MQ: names mosquito, and no service of this file is called so: write a service's name, or an address that the device reaches",
    ],
  ],
  [
    "environment: { DB_HOST: plantdb }",
    [
      "app.environment.DB_HOST: names plantdb, and no service of this file is called so: write a service's name, or an address that the device reaches",
    ],
  ],
  [
    "environment: { DB: 'postgres://user:pw@database:5432/x' }",
    [
      "app.environment.DB: names database, and no service of this file is called so: write a service's name, or an address that the device reaches",
    ],
  ],
  ["environment: { DB: 'postgres://user:pw@database:5432/x' }, extra_hosts: ['database:10.0.0.2']", []],
  [
    "command: [serve, '--mq', 'tcp://broker:1883']",
    ["app.command: names broker, which is on the device's network, where it has no name: write host.containers.internal"],
  ],
  ["command: serve --mq the-broker", ["app.command: names the-broker, by which no service is found here: write broker"]],
  [
    "environment: { H: host.docker.internal }",
    ["app.environment.H: names host.docker.internal, which only Docker knows: write host.containers.internal, which is the device"],
  ],
  ["environment: { H: host.docker.internal }, extra_hosts: ['host.docker.internal:host-gateway']", []],
  [
    "healthcheck: { test: 'wget http://nowhere:80', interval: 60s }",
    [
      "app.healthcheck.test: names nowhere, and no service of this file is called so: write a service's name, or an address that the device reaches",
    ],
  ],
  [
    "network_mode: host, environment: { DB_HOST: plant-db }",
    [
      "app.environment.DB_HOST: names plant-db, which a service on the device's network does not find: publish a port of plant-db, and write 127.0.0.1 and that port",
    ],
  ],
])("%s", (app, says) => {
  expect(said(app)).toEqual(says);
});
