// Whose images may run, by a real key, on both versions of Podman: its policy.json asks for a
// signature, and what the tests' registry has is signed with that key, with another, or not at all.

import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BoundVariant, WorkloadReport } from "@harmony/core";
import {
  type Device,
  eventually,
  makeImage,
  makeTempFolder,
  type Registry,
  run,
  skopeoProgram,
  startDevice,
  startRegistry,
  type TempFolder,
} from "@iot/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const POLICY = "/etc/containers/policy.json";
const KEY = "/etc/containers/plant.pub";

interface Key {
  readonly publicFile: string;
  sign(address: string, name: string): Promise<void>;
}

/** As a person or a pipeline makes a key, and signs an image that is in a registry already. */
async function makeKey(folder: string, name: string): Promise<Key> {
  const skopeo = await skopeoProgram();
  const prefix = join(folder, name);
  const passphrase = `${prefix}.passphrase`;
  await writeFile(passphrase, randomUUID(), { mode: 0o600 });
  await run([skopeo, "generate-sigstore-key", "--output-prefix", prefix, "--passphrase-file", passphrase]);
  const registries = join(folder, "registries.d");
  const any = join(folder, "any.json");
  await writeFile(any, JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
  await run(["mkdir", "-p", registries]);
  await writeFile(join(registries, "default.yaml"), "default-docker:\n  use-sigstore-attachments: true\n");
  return {
    publicFile: `${prefix}.pub`,
    sign: async (address, image) => {
      const reference = `docker://${address}/${image}`;
      const settings = ["--policy", any, "--registries.d", registries];
      const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
      const key = ["--sign-by-sigstore-private-key", `${prefix}.private`, "--sign-passphrase-file", passphrase];
      await run([skopeo, ...settings, "copy", "--preserve-digests", ...insecure, ...key, reference, reference]);
    },
  };
}

describe.each(["5.4", "4.9"] as const)("on Podman %s", (version) => {
  let device: Device;
  let folder: TempFolder;
  let registry: Registry;
  let variant: BoundVariant;
  let ours: Key;

  beforeAll(async () => {
    device = await startDevice({ name: "pi-08", podman: version });
    folder = await makeTempFolder("signed-images");
    registry = await startRegistry({ host: device.hostAddress });
    await device.trustRegistry(registry.address);
    ours = await makeKey(folder.path, "ours");
    const theirs = await makeKey(folder.path, "theirs");
    for (const [name, version] of [
      ["signed:1", "1"],
      ["unsigned:1", "2"],
      ["other-key:1", "3"],
      ["moved:1", "4"],
      ["half:1", "6"],
    ] as const)
      await registry.push(await makeImage({ reference: name, version }), name);
    for (const name of ["signed:1", "moved:1"]) await ours.sign(registry.address, name);
    await theirs.sign(registry.address, "other-key:1");
    await device.copyIn(ours.publicFile, KEY);
    await device.writeFile(
      POLICY,
      JSON.stringify({
        default: [{ type: "insecureAcceptAnything" }],
        transports: { docker: { [registry.address]: [{ type: "sigstoreSigned", keyPath: KEY }] } },
      }),
    );
    await device.writeFile(
      "/etc/containers/registries.d/plant.yaml",
      `docker:\n  ${registry.address}:\n    use-sigstore-attachments: true\n`,
    );
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await registry?.stop();
    await device?.stop();
    await folder?.remove();
  });

  let revision = 0;
  const apply = (image: string, more: object = {}): Promise<WorkloadReport> => {
    revision += 1;
    const data = { services: [{ name: "web", image: `${registry.address}/${image}`, stopTimeoutSeconds: 1, ...more }] };
    return variant.reconcile(
      { name: "app", revision: String(revision), scoreString: scoreString(data), data, hold: null },
      { signal: AbortSignal.timeout(60_000) },
    );
  };
  const runs = async (image: string, more: object = {}): Promise<void> => {
    await eventually(async () => (await apply(image, more)).settled, { what: `${image} runs`, timeoutMs: 30_000 });
  };
  const expectRefused = (report: WorkloadReport, image: string, stays: string): void => {
    expect(report).toMatchObject({ phase: "Blocked", reason: "ImageNotTrusted" });
    expect(report.message).toContain(`image "${registry.address}/${image}" may not run on this device: `);
    expect(report.message).toContain(`the rule sigstoreSigned for "${registry.address}" in ${POLICY} refuses it`);
    expect(report.message).toContain(`; ${registry.address}/${stays} keeps running`);
  };

  test("what is signed with the key runs; what is not, or with another key, is refused, and what runs stays", async () => {
    await runs("signed:1");
    expectRefused(await apply("unsigned:1"), "unsigned:1", "signed:1");
    expectRefused(await apply("other-key:1"), "other-key:1", "signed:1");
    await runs("signed:1");
  });

  test("a tag that was moved to an image without a signature is refused, and runs when that is signed too", async () => {
    await runs("moved:1", { pull: "newer" });
    await registry.push(await makeImage({ reference: "moved:1", version: "5" }), "moved:1");
    expectRefused(await apply("moved:1", { pull: "newer", env: { AGAIN: "1" } }), "moved:1", "moved:1");
    await ours.sign(registry.address, "moved:1");
    await runs("moved:1", { pull: "newer", env: { AGAIN: "1" } });
  });

  test("a key that is exchanged on the device counts at the next pull", async () => {
    await runs("signed:1");
    await device.writeFile(KEY, await readFile(join(folder.path, "theirs.pub"), "utf8"));
    await runs("other-key:1");
    expectRefused(await apply("half:1"), "half:1", "other-key:1");
    await device.copyIn(ours.publicFile, KEY);
  });
});
