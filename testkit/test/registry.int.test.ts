// A device pulls from the registry of the testkit, with a password where one is wanted, and each of
// its faults has its effect.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type Device, makeImage, startDevice, startRegistry } from "../src/index.ts";

let device: Device;
beforeAll(async () => {
  device = await startDevice();
});
afterAll(() => device?.stop());

test("a device pulls an image by tag and finds the digest that was pushed", async () => {
  await using registry = await startRegistry({ host: device.hostAddress });
  await device.trustRegistry(registry.address);
  const image = await makeImage({ reference: "shop/hello:1" });
  const reference = await registry.push(image, "shop/hello:1");
  await pull(reference);
  const inspected = await device.exec(["podman", "image", "inspect", "--format", "{{.Digest}} {{.Id}}", reference], { user: "iot-agent" });
  expect(inspected.stdout.trim()).toBe(`${image.digest} ${image.id.replace("sha256:", "")}`);
  expect(registry.requests(/^GET .*\/blobs\//)).toBe(2);
});

test("a pull without the password is refused", async () => {
  const credentials = { username: "site", password: "secret" };
  await using registry = await startRegistry({ host: device.hostAddress, credentials });
  await device.trustRegistry(registry.address);
  const reference = await registry.push(await makeImage({ reference: "shop/private:1", version: "private" }), "shop/private:1");
  await expect(pull(reference)).rejects.toThrow(/authentication required|unauthorized/i);
  await pull(reference, "--creds", "site:secret");
});

test("a blob breaks off half-way until that is repaired, and a registry that is down refuses", async () => {
  await using registry = await startRegistry({ host: device.hostAddress });
  await device.trustRegistry(registry.address);
  const reference = await registry.push(await makeImage({ reference: "shop/large:1", ballastMegabytes: 3 }), "shop/large:1");
  registry.failHalfWay(true);
  await expect(pull(reference)).rejects.toThrow(/EOF|reset|unexpected/i);
  registry.failHalfWay(false);
  await registry.down();
  await expect(pull(reference)).rejects.toThrow(/connection refused/i);
  await registry.up();
  await pull(reference);
});

async function pull(reference: string, ...options: string[]): Promise<void> {
  await device.exec(["podman", "pull", "--quiet", "--retry", "0", ...options, reference], { user: "iot-agent" });
}
