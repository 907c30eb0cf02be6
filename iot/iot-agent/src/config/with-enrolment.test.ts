import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";
import { withEnrolment } from "./with-enrolment.ts";

const at = { url: "https://enrol.example", caFile: undefined };
const added = '[enrolment]\nurl = "https://enrol.example"\n';

test.each([
  ["nothing", "", added],
  [
    "a shared credential",
    `# ours
[agent]
device_id = "pi-1"

[credentials] # shared
type = "nats-user"
nats_user = "a"
nats_pass = "b"

[nats]
urls = [
  "nats://one:4222",
  "nats://two:4222",
]
[policy]
host_paths = ["/srv/*"]
`,
    `# ours\n[agent]\ndevice_id = "pi-1"\n\n[policy]\nhost_paths = ["/srv/*"]\n\n${added}`,
  ],
  ["a patient dial", '[nats]\nurls = ["x"]\nconnect_timeout_seconds = 30\n', `[nats]\nconnect_timeout_seconds = 30\n\n${added}`],
  ["another service", '[enrolment]\nurl = "https://old.example"\ntoken = "abcdefghijklmnop"\n', added],
])("%s", (_, before, after) => {
  expect(withEnrolment(before, at)).toBe(after);
  expect(withEnrolment(after, at)).toBe(after);
  expect(parseConfig(after, { file: "config.toml", env: {} })).toMatchObject({
    warnings: [],
    config: { credentials: { type: "enrolment" } },
  });
});

test("the authority has its line", () => {
  const { config } = parseConfig(withEnrolment("", { ...at, caFile: "/etc/iot-agent/enrolment-ca.pem" }), { file: "config.toml", env: {} });
  expect(config.credentials).toEqual({ type: "enrolment", url: at.url, caFile: "/etc/iot-agent/enrolment-ca.pem" });
});
