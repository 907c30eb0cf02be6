// `iot describe device`: all that is known of one device.

import { visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { nearName } from "@harmony/schema";
import { judgeDevice } from "@iot/fleet";
import { fleetAccess } from "../identity/who-asks.ts";
import { defineCommand } from "../command-line/command.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { readDevices } from "./read-devices.ts";
import { renderDevice } from "./render-devices.ts";

export const describeDevice = defineCommand({
  options: { ...JSON_OPTION, ...NATS_OPTION },
  operands: [1, 1],
  async run({ json, nats }, [name = ""], at) {
    const { devices, statuses, manifests } = await readDevices(await fleetAccess(nats, at), at.signal);
    const device = devices.find((each) => each.device === name);
    if (device === undefined) {
      const near = nearName(
        name,
        devices.map((each) => each.device),
      );
      throw new UserError(
        `nothing is known of a device "${name}"${near === null ? "" : `: do you mean "${near}"?`} (iot devices lists them)`,
      );
    }
    const entry = statuses.find((each) => each.device === name) ?? null;
    const { deployments } = judgeDevice(device.device, manifests.get(device.device)?.manifest ?? null, entry);
    at.write(json === true ? visibleJson({ ...device, rows: deployments }, 2) : visibleLines(renderDevice(device, deployments, at.width)));
    return 0;
  },
});
