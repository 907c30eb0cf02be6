// `iot devices`: the devices of the fleet as a table, once or again and again.

import { visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { matches, readSelector, type Selector, type ShownDevice } from "@iot/fleet";
import { listPending } from "../identity/device-deeds.ts";
import { printDeed } from "../identity/identity-commands.ts";
import { fleetAccess } from "../identity/who-asks.ts";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { JSON_OPTION, NATS_OPTION } from "../command-line/nats-option.ts";
import { lookAgain } from "./look-again.ts";
import { readDevices } from "./read-devices.ts";
import { renderDeviceList } from "./render-devices.ts";

const OUTPUTS = ["wide", "json", "name"] as const;

export const devices = defineCommand({
  options: {
    selector: { type: "string", short: "l", value: "selector", about: "those with these labels alone, as kubectl: site=plant-7,ring!=lab" },
    offline: { type: "boolean", about: "those that are silent alone" },
    pending: { type: "boolean", about: "those that wait for approval instead, with their codes: iot device approve CODE --id ID" },
    output: { type: "string", short: "o", value: OUTPUTS.join("|"), about: "wide: what each device is; name: names alone, for programs" },
    watch: { type: "boolean", short: "w", about: "looks again and again, until ^C" },
    ...JSON_OPTION,
    ...NATS_OPTION,
  },
  details:
    "A selector matches the labels that people gave (kubectl label iotdev, or the Device in the repository), and three facts of each device: " +
    "facts.iot.nationtech.io/architecture, model and os. What else a device says of itself is shown and matched by nobody.",
  async run({ selector, offline = false, pending = false, output, watch, json, nats }, _operands, at) {
    if (pending) return printDeed(at, listPending);
    const form = json === true ? "json" : output;
    if (form !== undefined && !OUTPUTS.some((known) => known === form)) throw new UserError(`-o takes ${OUTPUTS.join(", ")}`, EXIT.usage);
    const wanted = selector === undefined ? [] : selectorOf(selector);
    const access = await fleetAccess(nats, at);
    const read = async (): Promise<string> => {
      const { devices: all } = await readDevices(access, at.signal);
      const shown = all.filter((device) => matches(wanted, device.labels) && (!offline || device.offline));
      return render(shown, form);
    };
    if (watch === true) return lookAgain(read, at);
    at.write(await read());
    return 0;
  },
});

function selectorOf(text: string): Selector {
  const read = readSelector(text);
  if (read.ok) return read.selector;
  throw new UserError(`-l takes labels, as site=plant-7,ring!=lab or model in (a,b): "${read.part}" is none`, EXIT.usage);
}

function render(shown: readonly ShownDevice[], form: string | undefined): string {
  if (form === "json") return visibleJson({ devices: shown }, 2);
  if (form === "name") return shown.map(({ device }) => `${device}\n`).join("");
  return visibleLines(renderDeviceList(shown, form === "wide"));
}
