import { expect, test } from "vitest";
import { parsed, snapshot } from "../../test/scene.ts";
import type { SecretFact } from "../model/input-facts.ts";
import { inputsOf } from "../model/inputs.ts";
import { obstaclesToMaking, obstaclesToStarting } from "./host-obstacle.ts";

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

test.each<[string, SecretFact, string]>([
  ["nowhere", { kind: "absent" }, "FILE /etc/iot-agent/secrets/db`)"],
  [
    "in neither source",
    { kind: "absent", cure: "write it elsewhere (`put db`; none there)" },
    "FILE /etc/iot-agent/secrets/db`), or write it elsewhere (`put db`; none there)",
  ],
  ["there, and not to be read", { kind: "unreadable" }, "gives it the owner and mode it needs"],
])("a secret that is %s is a sentence with what to do", (_what, fact, end) => {
  const [service] = parsed({ services: [{ name: "web", image: "x:1", secrets: [{ name: "db" }] }] }).services;
  if (service === undefined) throw new Error("there is a service");
  const seen = snapshot();
  const host = { ...seen.host, secretsFolder: "/etc/iot-agent/secrets", secrets: { db: fact } };
  const inputs = inputsOf(service, { deployment: "app", device: { id: "pi-1", labels: {} }, host, controllers: [] });
  const found = obstaclesToMaking({ service, inputs }, { ...seen, host });
  expect(found).toMatchObject([{ reason: "SecretMissing", message: expect.stringMatching(new RegExp(`${escaped(end)}$`)) as unknown }]);
});

function escaped(text: string): string {
  return text.replaceAll(/[()`./]/g, "\\$&");
}
