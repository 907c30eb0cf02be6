// A device as it was while the configuration belonged to the agent's user, with what that user
// could plant in it to become root; and what it must look like after root has installed something
// there.

import type { Device } from "@iot/testkit";
import { expect } from "vitest";

export async function plantLinks(device: Device): Promise<void> {
  await device.exec(["chown", "-R", "iot-agent:iot-agent", "/etc/iot-agent"]);
  const script = `cd /etc/iot-agent && ln -sfT /etc/sudoers.d config.toml.new && ln -sf /etc/shadow ca.pem && mkfifo pipe
    ln -sf /etc/sudoers.d/more config.toml.old && rm -rf secrets && ln -s /etc/sudoers.d secrets && echo x >/var/tmp/x && ln -f /var/tmp/x more`;
  await device.exec(["sh", "-euc", script], { user: "iot-agent" });
}

export async function expectNothingTaken(device: Device): Promise<void> {
  const said = async (script: string): Promise<string> => (await device.exec(["sh", "-euc", script])).stdout.trim();
  expect(await said("find /etc/iot-agent -not -user root -o -perm /022 -o -not -type f -not -type d -o -type f -links +1")).toBe("");
  expect(await said("stat --format='%U:%G %a' /etc/iot-agent /etc/iot-agent/secrets /etc/iot-agent/config.toml")).toBe(
    "root:iot-agent 750\nroot:iot-agent 750\nroot:iot-agent 640",
  );
  expect(await said("stat --format='%n %U:%G %a' /etc/shadow /etc/sudoers.d; ls /etc/sudoers.d | sort")).toBe(
    "/etc/shadow root:shadow 640\n/etc/sudoers.d root:root 755\n010_pi-nopasswd\nREADME",
  );
}
