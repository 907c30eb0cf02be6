// Images survive faults of a disk: power cuts that leave layers in part, damage of all the kinds
// that Podman was seen to name, too little room; and images come from a file. The damage is done to
// the device's real storage.

import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BoundVariant, WorkloadReport } from "@harmony/core";
import {
  type Device,
  eventually,
  loadImage,
  makeImage,
  makeTempFolder,
  type Registry,
  startDevice,
  startRegistry,
  type TempFolder,
} from "@iot/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connectPodman, localDisk } from "../src/index.ts";
import { bindDevice } from "./bind-device.ts";
import { scoreString } from "./scene.ts";

const user = "iot-agent";
const STORAGE = `/home/${user}/.local/share/containers/storage`;

describe.each(["5.4", "4.9"] as const)("images on Podman %s", (version) => {
  let device: Device;
  let registry: Registry;
  let variant: BoundVariant;
  let folder: TempFolder;

  beforeAll(async () => {
    device = await startDevice({ name: "pi-03", podman: version });
    registry = await startRegistry({ host: device.hostAddress });
    await device.trustRegistry(registry.address);
    for (const tag of ["1", "2", "3"]) await registry.push(await makeImage({ reference: `hello:${tag}` }), `hello:${tag}`);
    await registry.push(await makeImage({ reference: "large:1", ballastMegabytes: 60 }), "large:1");
    folder = await makeTempFolder("images");
    variant = await bindDevice(device, folder.path);
  });
  afterAll(async () => {
    await registry?.stop();
    await device?.stop();
    await folder?.remove();
  });

  beforeEach(async () => {
    await registry.up().catch(() => undefined);
    await podman("rm", "--all", "--force", "--time", "0");
  });

  const image = (name: string): string => `${registry.address}/${name}`;
  const hello = (name: string, more: object = {}) => ({
    services: [{ name: "web", image: image(name), ports: ["8080:8080"], stopTimeoutSeconds: 1, ...more }],
  });
  const podman = async (...argv: string[]): Promise<string> => (await device.exec(["podman", ...argv], { user })).stdout.trim();
  const shell = (script: string) => device.exec(["bash", "-euc", script]);
  const page = async (): Promise<string> =>
    (await fetch(`http://${device.address}:8080/`, { signal: AbortSignal.timeout(2_000), headers: { connection: "close" } })).text();

  const apply = (
    name: string,
    data: unknown,
    onReport: (report: WorkloadReport) => void = () => undefined,
    signal = AbortSignal.timeout(100_000),
  ) =>
    variant.reconcile({ name, revision: "1", scoreString: data === null ? "" : scoreString(data), data, hold: null }, { signal, onReport });
  /** Reconciles as an agent does, until the report is of that phase; gives all reports. */
  const until = async (phase: string, name: string, data: unknown, saying = ""): Promise<WorkloadReport[]> => {
    const reports: WorkloadReport[] = [];
    const isSo = async (): Promise<boolean> => {
      const last = await apply(name, data, (report) => reports.push(report));
      if (last.phase !== phase || !last.message.includes(saying)) throw new Error(`it is ${last.phase}: ${last.message}`);
      return true;
    };
    await eventually(isSo, { what: `${name} is ${phase}`, timeoutMs: 40_000, intervalMs: 500 });
    return reports;
  };
  const layer = async (tag: string): Promise<string> => {
    const diff = await podman("image", "inspect", image(`hello:${tag}`), "--format", "{{index .RootFS.Layers 0}}");
    return `${STORAGE}/overlay/${diff.replace("sha256:", "")}`;
  };
  /**
   * Each version gets one kind of damage only, since a Podman that misses a layer puts all links
   * right.
   */
  const damageLayer = async (tag: string): Promise<unknown> =>
    version === "4.9"
      ? shell(`rm -r ${await layer(tag)}`)
      : shell(`link=${STORAGE}/overlay/l/$(cat ${await layer(tag)}/link); rm $link; : > $link; chown ${user}: $link`);
  const powerCycle = async (): Promise<void> => {
    await device.powerOff();
    await device.powerOn();
    variant = await bindDevice(device, folder.path);
  };

  test("what was fetched was flushed, and how far it is is reported in per cent", async () => {
    registry.slowDown(2_000);
    const messages: string[] = [];
    await apply("hello", hello("large:1"), ({ message }) => messages.push(message));
    registry.slowDown(0);
    expect(messages.filter((message) => /^pulling \S+ \(\d+ %\)$/.test(message)).length).toBeGreaterThan(0);
    await apply("hello", null);
  });

  test("what a power cut left damaged is not removed while it cannot be fetched again, and is repaired when it can", async () => {
    // Each is a state in which a cut was, or could be, seen to leave a layer; the last one is about
    // the container's own layer. The first is a layer of large:1 too, which is of no use any more
    // and keeps it from being fetched again.
    const tags = ["1", "2", "3"];
    const all = (phase: string, saying?: string): Promise<WorkloadReport[][]> =>
      Promise.all(tags.map((tag) => until(phase, `hello-${tag}`, hello(`hello:${tag}`, { ports: [] }), saying)));
    await all("Running");
    await device.exec(["systemctl", "--user", "stop", "podman.socket", "podman.service"], { user });
    await shell(`truncate --size=900000 ${await layer("1")}/diff/bin/busybox`);
    await damageLayer("2");
    const upper = await podman("inspect", "hello-3_web", "--format", "{{.GraphDriver.Data.UpperDir}}");
    await shell(`umount --lazy ${upper.replace(/diff$/, "merged")} || true; rm -r ${upper.replace(/\/diff$/, "")}`);
    await registry.down();
    await powerCycle();

    expect((await until("Running", "hello-3", hello("hello:3", { ports: [] }))).map(({ reason }) => reason)).toContain("ImageDamaged");
    tags.pop();
    for (const reports of await all("Blocked", "cannot be fetched again")) expect(reports.at(-1)).toMatchObject({ reason: "ImageDamaged" });
    const kept = await podman("images", "--format", "{{.Repository}}:{{.Tag}}");
    for (const tag of tags) expect(kept).toContain(image(`hello:${tag}`));
    await registry.up();
    for (const tag of tags) {
      const reasons: string[] = [];
      const isRight = async (): Promise<boolean> => {
        const { phase, message } = await apply(`hello-${tag}`, hello(`hello:${tag}`, { ports: [] }), ({ reason }) => reasons.push(reason));
        if (phase !== "Running") throw new Error(`it is ${phase}: ${message}`);
        return (await podman("exec", `hello-${tag}_web`, "/bin/sh", "-c", "cat /www/index.html")).includes(`version=${tag}`);
      };
      await eventually(isRight, { what: `hello-${tag} serves`, timeoutMs: 40_000, intervalMs: 500 });
      expect(reasons).toContain("ImageDamaged");
    }
  });

  test("a pull that the power cut before it was flushed does not count", async () => {
    await podman("rmi", "--all", "--force");
    const cut = new AbortController();
    const flush = (): Promise<never> => {
      cut.abort(new Error("the power is gone"));
      return Promise.reject(new Error("the power is gone"));
    };
    variant = await bindDevice(device, folder.path, { flush });
    await expect(apply("hello", hello("hello:2"), undefined, cut.signal)).rejects.toThrow("the power is gone");
    await shell(`truncate --size=0 ${STORAGE}/overlay/*/diff/bin/busybox`);
    await powerCycle();
    const seen: string[] = [];
    expect(await apply("hello", hello("hello:2"), ({ message }) => seen.push(message))).toMatchObject({ phase: "Running" });
    expect(seen.join("\n")).toContain("looking whether it is whole");
    expect(await eventually(page, { what: "it answers" })).toContain("version=2");
    await apply("hello", null);
  });

  test("a damaged image that another container is made of: that one runs on and is named, and when it is gone the image is repaired", async () => {
    await podman("rmi", "--all", "--force");
    const second = hello("hello:1", { ports: [], env: { OF: "second" } });
    await until("Running", "first", hello("hello:1", { ports: [] }));
    await device.exec(["systemctl", "--user", "stop", "podman.socket", "podman.service"], { user });
    await damageLayer("1");
    await device.exec(["systemctl", "--user", "start", "podman.socket"], { user });
    const held = (await until("Blocked", "second", second, "first_web")).at(-1);
    expect(held).toMatchObject({ reason: "ImageDamaged" });
    expect(held?.message).toContain("`iot-agent podman rm --force first_web`, then `iot-agent retry second`");
    expect(await podman("ps", "--format", "{{.Names}}")).toBe("first_web");
    await podman("rm", "--force", "--time", "0", "first_web");
    await until("Running", "second", second);
  });

  // Behaviour that does not differ between the two versions is tested on one.
  if (version === "4.9") return;

  test("too little room is said before a pull, and what nothing uses goes first, never what runs or came by hand", async () => {
    await podman("rmi", "--all", "--force");
    await device.exec(["systemctl", "--user", "stop", "podman.socket", "podman.service"], { user });
    await shell(`mount -t tmpfs -o size=400m,mode=700,uid=$(id -u ${user}),gid=$(id -g ${user}) small ${STORAGE}`);
    await device.exec(["systemctl", "--user", "start", "podman.socket"], { user });
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/by-hand:1", version: "by-hand" }));
    await apply("past", hello("large:1"));
    await apply("past", null);
    await apply("first", hello("hello:1"));
    const images = async () => (await podman("images", "--format", "{{.Repository}}:{{.Tag}}")).split("\n").toSorted();
    expect(await images()).toContain(image("large:1"));

    await shell(`fallocate --length 180M ${STORAGE}/filler`);
    const reports: WorkloadReport[] = [];
    await apply("second", hello("hello:2", { ports: [] }), (report) => reports.push(report));
    expect(reports.at(-1)).toMatchObject({ phase: "Running" });
    expect(reports.find(({ reason }) => reason === "MakingRoom")?.message).toBe(
      `removing image "${image("large:1")}" (65 MB), which nothing uses, to make room for image "${image("hello:2")}"`,
    );
    expect(await images()).toEqual([image("hello:1"), image("hello:2"), "localhost/by-hand:1"]);

    await shell(`fallocate --length 240M ${STORAGE}/filler`);
    const full = await apply("third", hello("hello:3", { ports: [] }));
    expect(full).toMatchObject({ phase: "Blocked", reason: "DiskFull" });
    expect(full.message).toMatch(
      /^the device's disk has only \d+ MB free, and pulling image ".*hello:3" needs at least 200 MB: free some space/,
    );
    expect(await images()).toEqual([image("hello:1"), image("hello:2"), "localhost/by-hand:1"]);
    expect(await eventually(page, { what: "the first answers" })).toContain("version=1");

    await shell(`rm ${STORAGE}/filler`);
    expect(await apply("third", hello("hello:3", { ports: [] }))).toMatchObject({ phase: "Running" });
  });

  test("a pull that would fill the disk is ended when its size is known, and what runs keeps running", async () => {
    await apply("hello", hello("hello:3"));
    await shell(`fallocate --length 190M ${STORAGE}/filler`);
    registry.slowDown(5_000);
    const report = await apply("hello", hello("large:1"));
    registry.slowDown(0);
    expect(report).toMatchObject({ phase: "Blocked", reason: "DiskFull" });
    expect(await eventually(page, { what: "it answers" })).toContain("version=3");
    await shell(`rm ${STORAGE}/filler`);
  });

  test("a registry that is asked too often is left alone, until a person asks", async () => {
    await podman("rmi", "--all", "--force");
    registry.limit(true);
    expect(await apply("hello", hello("hello:1"))).toMatchObject({ phase: "Blocked", reason: "RegistryBusy" });
    registry.limit(false);
    const asked = registry.requests(/./);
    expect(await apply("hello", hello("hello:1"))).toMatchObject({ phase: "Blocked", reason: "RegistryBusy" });
    expect(registry.requests(/./)).toBe(asked);
    await variant.retry("hello", AbortSignal.timeout(10_000));
    expect(await apply("hello", hello("hello:1"))).toMatchObject({ phase: "Running" });
    await apply("hello", null);
  });

  test("pull: newer with the registry down starts from the image in hand, and says so", async () => {
    await apply("hello", hello("hello:1"));
    await apply("hello", null);
    await registry.down();
    const report = await apply("hello", hello("hello:1", { pull: "newer" }));
    expect(report).toMatchObject({ phase: "Running" });
    expect(report.message).toContain("the image in hand is used");
    await registry.up();
    await apply("hello", null);
  });

  test("an image comes from a file, and what is no image is refused in words", async () => {
    const client = connectPodman({ socketPath: device.podmanSocket, user });
    const load = async (path: string) => (await open(path)).createReadStream();
    const archive = join(folder.path, "by-hand.tar");
    const bytes = await (await makeImage({ reference: "localhost/by-hand:1" })).archive();
    await writeFile(archive, bytes);
    expect(await client.loadImage(await load(archive), AbortSignal.timeout(60_000))).toEqual(["localhost/by-hand:1"]);
    await writeFile(archive, bytes.subarray(0, bytes.length / 2));
    await expect(client.loadImage(await load(archive), AbortSignal.timeout(60_000))).rejects.toThrow("cut short on its way");
    await podman("rmi", "localhost/by-hand:1");
  });

  test("a disk that cannot be flushed is said, and what is asked for runs", async () => {
    variant = await bindDevice(device, folder.path, { flush: () => Promise.reject(new Error("permission denied")) });
    const report = await apply("hello", hello("hello:1"));
    expect(report).toMatchObject({ phase: "Running" });
    expect(report.message).toContain("cannot be flushed to the disk, and may be damaged by a power cut: permission denied");
    variant = await bindDevice(device, folder.path);
  });
});

test("the disk of this machine has room, and is flushed", async () => {
  const signal = AbortSignal.timeout(60_000);
  expect(await localDisk.freeBytes("/tmp", signal)).toBeGreaterThan(0);
  await localDisk.flush("/tmp", signal);
  await expect(localDisk.flush("/no/such", signal)).rejects.toThrow("/no/such");
});
