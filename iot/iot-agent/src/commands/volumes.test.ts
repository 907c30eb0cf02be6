import { IOT_AGENT } from "@iot/contracts";
import { labelsOf } from "@harmony/podman";
import { expect, test } from "vitest";
import { leftVolumes, renderVolumes } from "./volumes.ts";

const of = (deployment: string) => ({ [labelsOf(IOT_AGENT).deployment]: deployment });
const volume = (name: string, more: object = {}) => ({
  Name: name,
  Labels: {},
  CreatedAt: "2026-01-01T00:00:00Z",
  Anonymous: false,
  ...more,
});

test("what deployments that are gone have left, and what Podman named, is listed; what is anybody else's is not", () => {
  const unused = [
    volume("gone_data", { Labels: of("gone") }),
    volume("here_data", { Labels: of("here") }),
    volume("by-hand"),
    volume("0123abc", { Anonymous: true }),
  ];
  const left = leftVolumes(unused, ["here"]);
  expect(left.map(({ name, deployment }) => [name, deployment])).toEqual([
    ["0123abc", null],
    ["gone_data", "gone"],
  ]);
  const measured = left.map((one) => ({ ...one, sizeBytes: one.deployment === null ? null : 2_500_000 }));
  const text = renderVolumes(measured, Date.parse("2026-01-03T00:00:00Z"));
  expect(text).toMatch(/^0123abc +- \(of an image\) +- +2 d$/m);
  expect(text).toMatch(/^gone_data +gone +3 MB +2 d$/m);
});

test("nothing left", () => {
  expect(renderVolumes([], 0)).toBe("No deployment that is gone has left a volume.\n");
});
