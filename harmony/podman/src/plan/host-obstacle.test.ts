import { expect, test } from "vitest";
import { parsed, snapshot } from "../../test/scene.ts";
import { obstaclesToStarting } from "./host-obstacle.ts";

const zone = "/usr/share/zoneinfo/Europe/Zurich";

test.each([
  ["/etc/localtime", "; for the device's time zone write `env: { TZ: { device: timezone } }` in its place"],
  ["/srv/elsewhere", ""],
])("a link %s that leads where the policy does not allow is refused with what would do instead", (path, cure) => {
  const { services } = parsed({ services: [{ name: "web", image: "x:1", volumes: [`${path}:/mounted:ro`] }] });
  const seen = snapshot();
  const host = { ...seen.host, paths: { [path]: { kind: "present", real: zone } as const } };
  const found = services.flatMap((service) => obstaclesToStarting({ service }, { ...seen, host }));
  expect(found.map(({ message }) => message)).toEqual([
    `host path ${path} of service "web" is a link that leads to ${zone}, which this device does not allow: add that path to host_paths under [policy] in /etc/iot-agent/config.toml, then \`sudo systemctl restart iot-agent\`${cure}`,
  ]);
});
