// A host that a person cures while the agent runs, on both versions of Podman: what Podman's
// service has read once is read again, and what still stands in the way is said with its file.

import { createServer, type Server } from "node:https";
import { readFile } from "node:fs/promises";
import type { BoundVariant, WorkloadReport } from "@harmony/core";
import {
  type Device,
  eventually,
  freePort,
  makeImage,
  makeTempFolder,
  makeTestCertificate,
  type Registry,
  startDevice,
  startRegistry,
  type TempFolder,
  type TestCertificate,
} from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const NO_SUCH_IMAGE = JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] });

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let folder: TempFolder;
  let registry: Registry;
  let certificate: TestCertificate;
  let untrusted: { readonly server: Server; readonly address: string };
  let variant: BoundVariant;
  const hints: string[] = [];
  const ending = new AbortController();
  beforeAll(async () => {
    device = await startDevice({ name: "pi-07", podman: version });
    folder = await makeTempFolder("cured-host");
    registry = await startRegistry({ host: device.hostAddress });
    await registry.push(await makeImage({ reference: "hello:1" }), "hello:1");
    await registry.push(await makeImage({ reference: "hello:2" }), "hello:2");
    certificate = await makeTestCertificate(`IP:${device.hostAddress}`);
    const port = await freePort(device.hostAddress);
    const tls = { cert: await readFile(certificate.cert), key: await readFile(certificate.key) };
    const server = createServer(tls, ({ url }, response) =>
      response.writeHead(url === "/v2/" ? 200 : 404, { "content-type": "application/json" }).end(NO_SUCH_IMAGE),
    );
    await new Promise<void>((resolve) => void server.listen(port, device.hostAddress, resolve));
    untrusted = { server, address: `${device.hostAddress}:${port}` };
    variant = await bindDevice(device, folder.path);
    void variant.watch((name) => void hints.push(name), ending.signal);
  });
  afterAll(async () => {
    ending.abort();
    untrusted?.server.close();
    await certificate?.[Symbol.asyncDispose]();
    await registry?.stop();
    await device?.stop();
    await folder?.remove();
  });

  const apply = (name: string, image: string): Promise<WorkloadReport> => {
    const data = { services: [{ name: "web", image, stopTimeoutSeconds: 1 }] };
    return variant.reconcile(
      { name, revision: image, scoreString: scoreString(data), data, hold: null },
      { signal: AbortSignal.timeout(60_000) },
    );
  };

  test("a registry without TLS that is named in registries.conf.d is hinted at, and pulled from, within 10 s", async () => {
    const image = `${registry.address}/hello:1`;
    expect(await apply("app", image)).toMatchObject({ phase: "Blocked", reason: "RegistryUnreachable" });
    await device.trustRegistry(registry.address);
    await eventually(() => hints.includes("app"), { what: "it is hinted at", timeoutMs: 8_000 });
    expect(await apply("app", image)).toMatchObject({ phase: "Running" });
  });

  test("what policy.json refuses is named with rule and file, and what runs stays", async () => {
    const rule = JSON.stringify({
      default: [{ type: "insecureAcceptAnything" }],
      transports: { docker: { [registry.address]: [{ type: "reject" }] } },
    });
    const before = await device.readFile("/etc/containers/policy.json");
    await device.writeFile("/etc/containers/policy.json", rule);
    const told = await apply("app", `${registry.address}/hello:2`);
    expect(told).toMatchObject({ phase: "Blocked", reason: "ImageNotTrusted" });
    expect(told.message).toContain(`the rule reject for "${registry.address}" in /etc/containers/policy.json refuses it`);
    expect(told.message).toContain(`${registry.address}/hello:1 keeps running`);
    await device.writeFile("/etc/containers/policy.json", "{ broken");
    expect((await apply("app", `${registry.address}/hello:2`)).message).toContain(
      "the file /etc/containers/policy.json, which is no JSON of a policy",
    );
    await device.writeFile("/etc/containers/policy.json", before);
    expect(await apply("app", `${registry.address}/hello:2`)).toMatchObject({ reason: "OnTrial" });
  });

  test("an authority that the device does not know is named with the file that it belongs into, which counts at once", async () => {
    const image = `${untrusted.address}/hello:1`;
    const told = await apply("tls", image);
    const file = `/etc/containers/certs.d/${untrusted.address}/ca.crt`;
    expect(told).toMatchObject({ phase: "Blocked", reason: "RegistryUntrusted" });
    expect(told.message).toContain(`put the authority's certificate into ${file}`);
    await device.copyIn(certificate.ca, file);
    // It is believed, and has no such image.
    expect(await apply("tls", image)).toMatchObject({ phase: "Blocked", reason: "ImageNotFound" });
  });
});
