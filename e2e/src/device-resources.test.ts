// A Score needs things that only the device has, on an agent as it is installed (its unit's
// sandbox, its user, its configuration). The agent says for each missing thing what to do. Each is
// done as it says, and at the end the service has all of it.

import { createLog } from "@harmony/runtime";
import { asDeploymentName, asDeviceId, scoreString } from "@iot/contracts";
import { connectMessaging, openDesiredState } from "@iot/messaging";
import { eventually, type NatsServer, startNats } from "@iot/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SimulatedDevice, startSimulatedDevice } from "../world/simulated-device.ts";

const METER = "/dev/serial/by-id/usb-ACME_Meter-if00";
const CONFIG = "/etc/iot-agent/config.toml";

let device: SimulatedDevice;
let nats: NatsServer;
beforeAll(async () => {
  device = await startSimulatedDevice();
  nats = await startNats({ host: device.hostAddress });
  await device.startAgent({ natsUrl: nats.url });
});
afterAll(async () => {
  await device?.[Symbol.asyncDispose]();
  await nats?.stop();
});

const sh = async (script: string): Promise<string> => (await device.exec(["sh", "-c", script])).stdout.trim();
/** Waits until the agent's explanation matches; its output is read as one line. */
const explained = (what: RegExp) =>
  eventually(
    async () => {
      const { stdout, stderr } = await device.exec(["iot-agent", "explain", "app"], { allowExitCodes: [0, 1] });
      const said = `${stdout} ${stderr}`.replaceAll(/\s+/g, " ");
      return what.exec(said)?.[0] ?? Promise.reject(new Error(`it says "${said}"`));
    },
    { what: `iot-agent explain says ${String(what)}`, timeoutMs: 30_000, intervalMs: 200 },
  );

test("each thing that is missing is reported with what to do, and all of it done, the service has it", async () => {
  await deploy({
    services: [
      {
        name: "web",
        image: device.image("1"),
        user: "1234:1234",
        entrypoint: ["/bin/sh", "-c", "busybox head -c 2 /dev/meter > /data/read; trap 'exit 0' TERM; sleep 1000 & wait"],
        env: { SITE: { device: "labels.site" }, PASSWORD: { secret: "login" } },
        secrets: [{ name: "login" }],
        files: [{ path: "/etc/app.toml", content: "colour = 'red'\n" }],
        devices: [`${METER}:/dev/meter`],
        volumes: ["/srv/data:/data"],
      },
    ],
  });
  const rejected = await explained(/Rejected.*would allow them/);
  const [paths, devices] = [...rejected.matchAll(/`([a-z_]+ = \[[^`]*\])`/g)].map(([, line = ""]) => line);
  expect([paths, devices]).toEqual(['host_paths = ["/srv/data"]', `devices = ["${METER}"]`]);
  await sh(`printf '\\n[policy]\\n%s\\n%s\\n' '${paths}' '${devices}' >> ${CONFIG} && systemctl restart iot-agent`);

  await explained(/Blocked.*add `site = "…"` under \[agent\.labels\]/);
  await sh(`printf '\\n[agent.labels]\\nsite = "lab"\\n' >> ${CONFIG} && systemctl restart iot-agent`);

  await explained(/Blocked.*put it into the file \/etc\/iot-agent\/secrets\/login/);
  await sh("echo hunter2 > /tmp/FILE && install -o root -g iot-agent -m 0640 /tmp/FILE /etc/iot-agent/secrets/login && rm /tmp/FILE");

  await explained(/Blocked.*install -d -o iot-agent \/srv\/data/);
  await sh("install -d -o iot-agent /srv/data && chmod o+w /srv/data");

  await explained(/Blocked.*usb-ACME_Meter-if00 of service "web" is not there: plug it in/);
  await sh(
    `mknod --mode=0660 /dev/ttyACM0 c 1 5 && chgrp dialout /dev/ttyACM0 && mkdir -p /dev/serial/by-id && ln -s ../../ttyACM0 ${METER}`,
  );

  await explained(/Blocked.*usermod -aG dialout iot-agent/);
  await sh("usermod -aG dialout iot-agent && systemctl restart user@1000 iot-agent");

  await explained(/Running/);
  expect(await eventually(() => sh("busybox od -An -tx1 /srv/data/read"), { what: "it has read its meter" })).toBe("00 00");
  const inside = async (script: string): Promise<string> =>
    (await device.exec(["podman", "exec", "app_web", "sh", "-c", script], { user: "iot-agent" })).stdout.trim();
  expect(await inside("echo $SITE $PASSWORD; cat /run/secrets/login /etc/app.toml; id -u")).toBe(
    ["lab hunter2", "hunter2", "colour = 'red'", "1234"].join("\n"),
  );
  expect(await sh("journalctl --no-pager --output=cat; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; true")).not.toContain(
    "hunter2",
  );
});

test("Podman's store of secrets that a power cut has damaged is repaired by the agent alone, from within its sandbox", async () => {
  const store = "/home/iot-agent/.local/share/containers/storage/secrets";
  // The agent and Podman stop together, as at a power cut: neither has read the file when it is
  // damaged.
  await sh("systemctl stop iot-agent && systemctl --user --machine=iot-agent@ stop podman.service");
  await sh(`truncate --size=100 ${store}/secrets.json && systemctl start iot-agent`);
  await eventually(() => sh(`ls ${store}/secrets.json.damaged && iot-agent history | grep SecretStoreDamaged`), {
    what: "it is repaired, and reported",
    timeoutMs: 30_000,
  });
  await explained(/Running/);
  await device.exec(["podman", "restart", "--time", "0", "app_web"], { user: "iot-agent" });
  const { stdout } = await device.exec(["podman", "exec", "app_web", "sh", "-c", "echo $PASSWORD"], { user: "iot-agent" });
  expect(stdout).toBe("hunter2\n");
});

async function deploy(data: Record<string, unknown>): Promise<void> {
  const log = createLog({ name: "test", write: () => undefined });
  await using stack = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(10_000);
  const messaging = await connectMessaging({ servers: [nats.url], name: "test", log, signal });
  stack.defer(() => messaging.close());
  const store = await openDesiredState(messaging, { log });
  stack.defer(() => store.close());
  const [id, deployment] = [asDeviceId(device.id), asDeploymentName("app")];
  const written = await store.putScore({
    device: id,
    deployment,
    scoreString: scoreString({ type: "PodmanV0", data }),
    expectedRevision: 0,
  });
  if (!written.ok) throw new Error("somebody else wrote it");
  const entry = { revision: written.revision, generation: 1, uid: "u", source: "test", namespace: "default" };
  await store.putManifest({ device: id, manifest: { sources: ["test"], deployments: { [deployment]: entry } }, expectedRevision: 0 });
}
