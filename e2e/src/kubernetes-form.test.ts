// `demo.sh --kubernetes --host <device>` against a cluster and a device that already run passes, or
// says in a sentence what is wrong with them.

import { chmod, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type KubernetesServer,
  makeTempFolder,
  type NatsServer,
  run,
  startKubernetes,
  startNats,
  startOperatorProcess,
  type TempFolder,
} from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SimulatedDevice, startSimulatedDevice } from "../world/simulated-device.ts";
import { deploymentYaml } from "../world/workload.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const stack = new AsyncDisposableStack();
let device: SimulatedDevice;
let kubernetes: KubernetesServer;
let nats: NatsServer;
let folder: TempFolder;

beforeAll(async () => {
  folder = await makeTempFolder("kubernetes-form");
  stack.defer(() => folder.remove());
  [device, kubernetes] = await Promise.all([
    startSimulatedDevice().then((started) => stack.use(started)),
    startKubernetes().then((started) => stack.use(started)),
  ]);
  for (const file of ["crd.yaml", "namespace.yaml", "operator.yaml"])
    await kubernetes.kubectl(["apply", "-f", join(REPOSITORY, "iot/deploy", file)]);
  nats = stack.use(await startNats({ host: device.hostAddress }));
  await startOperator();
  await device.startAgent({ natsUrl: nats.url });
});

afterAll(() => stack.disposeAsync());

test("from kubectl apply to the page at the device's address, and back", async () => {
  const { stdout, exitCode } = await demo();

  expect(stdout).toMatch(/^PASS /m);
  expect(stdout).toContain("device=pi-demo-01 deployment=hello-world service=hello version=1");
  expect(exitCode).toBe(0);
  expect(await device.containers()).toEqual([]);
  expect(await kubernetes.kubectl(["get", "iotdep", "--all-namespaces", "--output", "name"])).toBe("");
});

test("an agent that does not run is said, and how to start it", async () => {
  await device.exec(["systemctl", "stop", "iot-agent"]);
  try {
    const { stdout, exitCode } = await demo();

    expect(oneLine(stdout)).toMatch(/FAIL agent runs .* the agent on \S+ does not run: systemctl says "inactive"; start it there/);
    expect(exitCode).toBe(1);
    expect(
      await kubernetes.kubectl(["get", "namespace", "iot-demo", "--ignore-not-found", "--output", "jsonpath={.status.phase}"]),
    ).not.toBe("Active");
  } finally {
    await device.exec(["systemctl", "start", "iot-agent"]);
  }
});

test("a host that does not answer is said", async () => {
  // The network is one of documentation (RFC 5737): nobody has that address. The device's ssh is
  // used: this machine need not have one.
  const ssh = device.execArgv(["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=1", "iot-agent@192.0.2.1"]).join(" ");
  const { stdout, exitCode } = await demo({ host: "192.0.2.1", ssh });

  expect(oneLine(stdout)).toMatch(/FAIL device reachable .* cannot reach the device at 192\.0\.2\.1: .*timed out/);
  expect(exitCode).toBe(1);
});

async function demo(options: { host?: string; ssh?: string } = {}): Promise<{ stdout: string; exitCode: number }> {
  const manifest = join(folder.path, "demo-deployment.yaml");
  const yaml = deploymentYaml({ device: device.id, image: device.image("1"), port: 8080 });
  await writeFile(manifest, yaml.replace("name: hello-world\n", "name: hello-world\n  namespace: iot-demo\n"));
  // The script stands for ssh, which gives its arguments to the device's shell.
  const ssh = join(folder.path, "enter-device");
  await writeFile(ssh, `#!/bin/sh\nexec ${device.execArgv(["/bin/sh", "-c"], "iot-agent").join(" ")} "$*"\n`);
  await chmod(ssh, 0o755);
  const argv = [process.execPath, join(REPOSITORY, "e2e/demo/main.ts"), "--kubernetes", "--host", options.host ?? device.address];
  return run(argv, {
    env: {
      KUBECONFIG: kubernetes.kubeconfig,
      NATS_URL: nats.url,
      DEMO_MANIFEST: manifest,
      DEMO_SSH: options.ssh ?? ssh,
      PATH: `${dirname(kubernetes.kubectlProgram)}:${process.env["PATH"] ?? ""}`,
    },
    allowExitCodes: [0, 1, 2],
  });
}

async function startOperator(): Promise<void> {
  const operator = await startOperatorProcess({
    NATS_URL: nats.url,
    KUBECONFIG: await kubernetes.serviceAccountKubeconfig("iot-system", "iot-operator"),
  });
  stack.defer(() => operator.stop());
}

/** The demo wraps its lines to the terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
