// The commands of the documents alone, on a blank device: `iot provision`, install.sh, and a git push. Then a container answers, and
// neither command finds anything left to do.

import { join } from "node:path";
import {
  type BlankDevice,
  eventually,
  freePort,
  loadImage,
  makeGitRepository,
  makeImage,
  run,
  type RunResult,
  startBlankDevice,
  startNats,
  startServerProcess,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deploymentYaml } from "../demo/workload.ts";

const TOP = join(import.meta.dirname, "../..");
const DEVICE_ID = "pi-demo-01";
const IMAGE = "localhost/hello:1";
const PASSWORD = "dev-shared-password";
const WAIT_MS = 60_000;

const stack = new AsyncDisposableStack();
let device: BlankDevice;

beforeAll(async () => {
  device = stack.use(await startBlankDevice());
});
afterAll(() => stack.disposeAsync());

test("from the shop to a running container", async () => {
  const planned = await provision("--dry-run");
  expect(planned.stdout).toMatch(/^ +2\. install the packages podman, /m);
  expect(planned.exitCode).toBe(0);
  expect((await device.exec(["getent", "passwd", "iot-agent"], { allowExitCodes: [2] })).exitCode).toBe(2);

  const first = await provision();
  expect(first.stderr).toBe("");
  expect(first.stdout).toMatch(/^create the user iot-agent in the groups dialout, video … done, \d+\.\d s$/m);
  expect(first.stdout).toMatch(/^done: the host is as its Score says$/m);
  expect(first.exitCode).toBe(0);
  expect((await provision()).stdout).toMatch(/^nothing to do$/m);

  const nats = stack.use(
    await startNats({ host: device.hostAddress, config: `authorization { user: "iot-agent", password: "${PASSWORD}" }` }),
  );
  const install = await run(
    [
      join(TOP, "iot/iot-agent/scripts/install.sh"),
      ...flags({ host: device.address, "device-id": DEVICE_ID, "ssh-user": device.user }),
      ...flags({ "nats-url": nats.url, "nats-user": "iot-agent", "nats-pass": PASSWORD }),
      ...flags({ identity: device.identityFile, "known-hosts": device.knownHostsFile }),
    ],
    { timeoutMs: 300_000 },
  );
  expect(install.stdout).toContain("is connected to NATS");

  const repository = stack.use(await makeGitRepository());
  await loadImage(device.podmanSocket, await makeImage({ reference: IMAGE, port: 80 }));
  await repository.commit({ "deployment.yaml": deploymentYaml({ device: DEVICE_ID, image: IMAGE, port: 8080 }) });
  await repository.push();
  const port = await freePort();
  const operator = await startServerProcess({
    name: "iot-operator",
    argv: [process.execPath, join(TOP, "iot/iot-operator/src/main.ts")],
    env: {
      NATS_URL: nats.url,
      NATS_USER: "iot-agent",
      NATS_PASSWORD: PASSWORD,
      IOT_GIT_URL: repository.url,
      IOT_SOURCE_ID: "git:provision",
      IOT_HTTP_PORT: String(port),
    },
    ready: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
  });
  stack.defer(() => operator.stop());
  await eventually(async () => (await fetch(`http://${device.address}:8080/`, { signal: AbortSignal.timeout(2_000) })).ok, {
    what: "the page of the deployment",
    timeoutMs: WAIT_MS,
  });
  expect(await asAgent("podman", "ps", "--format", "{{.Names}}")).toBe("hello-world_hello");
  // As provisioning has set it, or no container would start without its cable.
  expect(await asAgent("pgrep", "--list-full", "pasta")).toContain(" -a 10.0.2.0 -n 24 -g 10.0.2.2");
});

test("installing has left nothing for provisioning to mend", async () => {
  const again = await provision();
  expect(again.stdout).toMatch(/^nothing to do$/m);
  expect(again.exitCode).toBe(0);
});

function flags(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
}

/** As the manual has it, with what the test's own network adds. */
function provision(...args: readonly string[]): Promise<RunResult> {
  const { address: host, user, identityFile: identity, knownHostsFile } = device;
  const access = flags({ host, user, identity, "known-hosts": knownHostsFile, "device-id": DEVICE_ID, "ssh-key": `${identity}.pub` });
  const argv = [process.execPath, join(TOP, "iot/iot-cli/src/main.ts"), "provision", ...access];
  return run([...argv, ...args], {
    allowExitCodes: [0, 1],
    timeoutMs: 300_000,
  });
}

async function asAgent(...argv: readonly string[]): Promise<string> {
  return (await device.exec(argv, { user: "iot-agent" })).stdout.trim();
}
