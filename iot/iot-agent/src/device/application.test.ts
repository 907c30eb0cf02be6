// The labels and variables by which an agent knows its containers: a changed name restarts every
// container.

import { labelsOf } from "@harmony/podman";
import { IOT_AGENT } from "@iot/contracts";
import { expect, test } from "vitest";

test("labels and variables of containers are called as at v0.1.0", () => {
  expect(labelsOf(IOT_AGENT)).toEqual({
    // It came after v0.1.0, which had no volumes for what an image declares.
    imageVolumes: "io.nationtech.iot.image-volumes",
    deployment: "io.nationtech.iot.deployment",
    service: "io.nationtech.iot.service",
    revision: "io.nationtech.iot.revision",
    score: "io.nationtech.iot.score",
    inputs: "io.nationtech.iot.inputs",
  });
  expect(IOT_AGENT).toMatchObject({ environmentPrefix: "IOT", program: "iot-agent", user: "iot-agent" });
});
