// `iot device …` and `iot bootstrap …`: their options, and how each ends.

import { visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { BootstrapRequest } from "@iot/identity";
import { defineCommand, type Surroundings } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import * as deeds from "./device-deeds.ts";
import { enrolmentAccess } from "./enrolment-client.ts";
import { readSerials } from "./serials-file.ts";

/** Ends with 1 when something is left to be done. */
export async function printDeed(at: Surroundings, deed: (asking: deeds.Asking) => Promise<string | deeds.Done>): Promise<number> {
  const done = await deed({ access: await enrolmentAccess(at.env), signal: at.signal });
  at.write(visibleLines(typeof done === "string" ? done : done.text));
  return typeof done === "string" || done.isDone ? 0 : EXIT.failed;
}

const details =
  "IOT_ENROLMENT_URL is where the enrolment service is, IOT_PERSON_FILE has your secret, IOT_ENROLMENT_CA who signs its certificate.";

export const deviceList = defineCommand({
  options: {},
  details,
  run: (_values, _operands, at) => printDeed(at, deeds.listDevices),
});

export const deviceAdd = defineCommand({
  options: {},
  operands: [1, 1],
  details,
  run: (_values, [id = ""], at) => printDeed(at, (asking) => deeds.addDevice(asking, id)),
});

export const deviceApprove = defineCommand({
  options: {
    id: { type: "string", value: "id", about: "what it is called from now on" },
    label: { type: "string", multiple: true, value: "name=value", about: "may be said again" },
    replaces: { type: "string", value: "id", about: "the device whose place it takes, and whose key ends" },
  },
  operands: [1, 1],
  details,
  run: ({ id, label = [], replaces }, [code = ""], at) => {
    if (id === undefined) throw new UserError("--id names the device", EXIT.usage);
    return printDeed(at, (asking) => deeds.approveDevice(asking, code, { device: id, labels: label, replaces }));
  },
});

export const deviceDeny = defineCommand({
  options: { reason: { type: "string", value: "text", about: "which the device shows" } },
  operands: [1, 1],
  details,
  run: ({ reason }, [code = ""], at) => printDeed(at, (asking) => deeds.denyDevice(asking, code, reason)),
});

export const deviceDisable = defineCommand({
  options: { reason: { type: "string", value: "text", about: "e.g. stolen" } },
  operands: [1, 1],
  details,
  run: ({ reason }, [id = ""], at) => {
    if (reason === undefined) throw new UserError("--reason says why, e.g. stolen", EXIT.usage);
    return printDeed(at, (asking) => deeds.disableDevice(asking, id, reason));
  },
});

export const deviceEnable = defineCommand({
  options: {},
  operands: [1, 1],
  details,
  run: (_values, [id = ""], at) => printDeed(at, (asking) => deeds.enableDevice(asking, id)),
});

export const deviceRekey = defineCommand({
  options: {},
  operands: [1, 1],
  details,
  run: (_values, [id = ""], at) => printDeed(at, (asking) => deeds.rekeyDevice(asking, id)),
});

export const bootstrapCreate = defineCommand({
  options: {
    name: { type: "string", value: "name", about: "of the token, e.g. spring-200" },
    max: { type: "string", value: "count", about: "how many devices may ask with it" },
    days: { type: "string", value: "count", about: "how long" },
    serials: { type: "string", value: "file", about: "a list of devices that nobody has to approve: serial,id and one column a label" },
  },
  details,
  run: async ({ name, max, days, serials }, _operands, at) => {
    const request = BootstrapRequest.safeParse({ name, maxDevices: Number(max), days: Number(days) });
    if (!request.success) throw new UserError("--name takes a DNS label, --max 1 to 100000 devices, --days 1 to 366 days", EXIT.usage);
    const rows = serials === undefined ? [] : await readSerials(serials);
    return printDeed(at, (asking) => deeds.createBootstrap(asking, request.data, rows));
  },
});

export const bootstrapList = defineCommand({
  options: {},
  details,
  run: (_values, _operands, at) => printDeed(at, deeds.listBootstraps),
});

export const bootstrapRevoke = defineCommand({
  options: {},
  operands: [1, 1],
  details,
  run: (_values, [name = ""], at) => printDeed(at, (asking) => deeds.revokeBootstrap(asking, name)),
});
