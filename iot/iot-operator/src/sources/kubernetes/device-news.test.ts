import type { DeploymentAggregate } from "@iot/contracts";
import { expect, test } from "vitest";
import { deviceNews } from "./device-news.ts";

const object = { uid: "u", namespace: "n", name: "hello" };
const counts = (running: number, more: Partial<DeploymentAggregate> = {}): DeploymentAggregate => ({
  devices: 3,
  running,
  pending: 0,
  failed: 0,
  offline: 0,
  failures: [],
  ...more,
});
const failing = (devices: number, reason = "ImageNotFound"): Partial<DeploymentAggregate> => ({
  failed: devices,
  failures: [{ reason, message: "it is not there", devices, examples: ["pi-1", "pi-2"].slice(0, devices) }],
});

test.each<[string, DeploymentAggregate | undefined, DeploymentAggregate, readonly string[]]>([
  ["nothing is known yet, and nothing runs", undefined, counts(0), []],
  ["the first runs", counts(0), counts(1), []],
  ["all run", counts(2), counts(3), ["Normal DevicesRunning all of 3 devices run it"]],
  ["all run as before", counts(3), counts(3), []],
  ["one fails", counts(3), counts(2, failing(1)), ["Warning DevicesFailed ImageNotFound on 1 of 3 (pi-1): it is not there"]],
  ["it fails as before", counts(2, failing(1)), counts(2, failing(1)), []],
  [
    "more fail than are named",
    counts(2, failing(1)),
    counts(0, failing(3)),
    ["Warning DevicesFailed ImageNotFound on 3 of 3 (pi-1, pi-2 …): it is not there"],
  ],
  ["one is better", counts(0, failing(3)), counts(1, failing(2)), []],
  [
    "it fails otherwise",
    counts(2, failing(1)),
    counts(2, failing(1, "PortInUse")),
    ["Warning DevicesFailed PortInUse on 1 of 3 (pi-1): it is not there"],
  ],
  ["one falls silent", counts(3), counts(2, { offline: 1 }), ["Warning DevicesOffline 1 of 3 devices are silent"]],
  ["it is back", counts(2, { offline: 1 }), counts(3), ["Normal DevicesRunning all of 3 devices run it"]],
  ["there are no devices", undefined, counts(0, { devices: 0 }), []],
])("when %s", (_what, before, now, news) => {
  const found = deviceNews(object, before === undefined ? undefined : { aggregate: before }, { aggregate: now });
  expect(found.map(({ isWarning, reason, message }) => `${isWarning ? "Warning" : "Normal"} ${reason} ${message}`)).toEqual(news);
});

test("a status that nobody can read is none", () => {
  expect(deviceNews(object, { aggregate: 7 }, { aggregate: counts(3) })).toHaveLength(1);
});
