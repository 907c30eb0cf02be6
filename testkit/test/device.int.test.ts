// The simulated device of the testkit runs a container that the host can reach, keeps its disk over
// a power cut, and leaves nothing behind.

import { readFile, readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Device, eventually, loadImage, makeImage, startDevice, startNats, startRelay } from "../src/index.ts";

const user = "iot-agent";

describe.each(["5.4", "4.9"] as const)("a device with Podman %s", (podman) => {
  let device: Device;
  beforeAll(async () => {
    device = await startDevice({ name: "pi-01", podman });
  });
  afterAll(() => device?.stop());

  test("has the Podman that was asked for", async () => {
    expect((await device.exec(["podman", "--version"], { user })).stdout).toContain(`version ${podman}.`);
    expect((await device.exec(["hostname"])).stdout).toBe("pi-01\n");
  });

  test("serves the page of a container to the host", async () => {
    await loadImage(device.podmanSocket, await makeImage({ reference: "localhost/hello:1" }));
    const environment = ["--env", "IOT_DEVICE_ID=pi-01", "--env", "IOT_DEPLOYMENT=hello"];
    await device.exec(["podman", "run", "--detach", "--name", "hello", "--publish", "8081:8080", ...environment, "localhost/hello:1"], {
      user,
    });
    const page = await eventually(() => getPage(`http://${device.address}:8081/`), { what: "the page answers" });
    expect(page).toBe("device=pi-01 deployment=hello service=none version=1\n");
  });

  test("a container of it stops at once on TERM", async () => {
    const startedAt = performance.now();
    await device.exec(["podman", "stop", "--time", "60", "hello"], { user });
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect((await device.exec(["podman", "inspect", "--format", "{{.State.ExitCode}}", "hello"], { user })).stdout).toBe("0\n");
  });

  test("a container that ignores TERM is killed when its time is over, and one that ends reports its exit code", async () => {
    for (const image of [
      await makeImage({ reference: "localhost/stubborn:1", behaviour: "ignores-term" }),
      await makeImage({ reference: "localhost/broken:1", behaviour: { exitsWith: 3 } }),
    ])
      await loadImage(device.podmanSocket, image);
    await device.exec(["podman", "run", "--detach", "--name", "stubborn", "localhost/stubborn:1"], { user });
    await eventually(async () => (await device.exec(["podman", "logs", "stubborn"], { user })).stdout.includes("serving"));
    await device.exec(["podman", "stop", "--time", "1", "stubborn"], { user });
    expect((await device.exec(["podman", "inspect", "--format", "{{.State.ExitCode}}", "stubborn"], { user })).stdout).toBe("137\n");
    await device.exec(["podman", "rm", "stubborn"], { user });
    const broken = await device.exec(["podman", "run", "--rm", "localhost/broken:1"], { user, allowExitCodes: [3] });
    expect(broken.stdout).toBe("version 1 ends with 3\n");
  });

  test("reaches a server that listens on the host's end of its network, and one on the host's loopback through a relay", async () => {
    await using nats = await startNats({ host: device.hostAddress });
    await using inside = await startNats();
    await using relay = await startRelay({ target: { port: inside.port }, listenHost: device.hostAddress });
    for (const { host, port } of [nats, relay]) {
      const { stdout } = await device.exec(["bash", "-c", `exec 3<>/dev/tcp/${host}/${port} && head -c 4 <&3`]);
      expect(stdout).toBe("INFO");
    }
  });

  test("starts a container while the cable is out, and is reached again when it is back", async () => {
    await device.cutNetwork();
    await device.exec(["podman", "start", "hello"], { user });
    await device.restoreNetwork();
    await eventually(() => getPage(`http://${device.address}:8081/`), { what: "the page answers" });
  });

  test("keeps its disk when the power goes", async () => {
    await device.powerOff();
    await device.powerOn();
    expect((await device.exec(["podman", "ps", "--all", "--format", "{{.Names}}"], { user })).stdout).toBe("hello\n");
  });
});

test("two devices run beside each other, and leave nothing", async () => {
  const [first, second] = await Promise.all([startDevice({ name: "a" }), startDevice({ name: "b" })]);
  expect(first.address).not.toBe(second.address);
  const [folder] = first.podmanSocket.split("/run/");
  await Promise.all([first.stop(), second.stop()]);
  expect(await readFile("/proc/mounts", "utf8")).not.toContain(`${folder}/`);
  expect(await readdir("/tmp/harmony-devices")).not.toContain(folder?.split("/").at(-1));
});

async function getPage(url: string): Promise<string> {
  return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).text();
}
