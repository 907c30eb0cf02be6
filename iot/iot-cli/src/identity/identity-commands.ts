// `iot devices`, `iot device …` and `iot bootstrap …`: their words and options.

import { visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import { BootstrapRequest } from "@iot/identity";
import type { Command } from "commander";
import * as deeds from "./device-deeds.ts";
import { enrolmentAccess } from "./enrolment-client.ts";

export interface IdentitySurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly signal: AbortSignal;
}

type Print = (deed: (asking: deeds.Asking) => Promise<string | deeds.Done>) => Promise<void>;

/** `leave`: called when something is left to be done. */
export function addIdentityCommands(iot: Command, { env, write, signal }: IdentitySurroundings, leave: () => void): void {
  const print: Print = async (deed) => {
    const done = await deed({ access: await enrolmentAccess(env), signal });
    write(visibleLines(typeof done === "string" ? done : done.text));
    if (typeof done !== "string" && !done.isDone) leave();
  };
  iot
    .command("devices")
    .description("the devices that have an identity, and whether they are disabled")
    .option("--pending", "those that wait for approval instead")
    .action((options: { readonly pending?: boolean }) => print(options.pending === true ? deeds.listPending : deeds.listDevices));
  addDeviceCommands(iot, print);
  addBootstrapCommands(iot, print);
}

function addDeviceCommands(iot: Command, print: Print): void {
  const device = iot.command("device").description("lets a device in, and ends it; the service is at IOT_ENROLMENT_URL");
  device
    .command("add")
    .description("a code for one device, of 15 minutes, to be typed on it")
    .argument("<id>")
    .action((id: string) => print((asking) => deeds.addDevice(asking, id)));
  const each = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  device
    .command("approve")
    .description("makes a device of what waits with this code")
    .argument("<code>", "as the device shows it")
    .requiredOption("--id <id>", "what it is called from now on")
    .option("--label <name=value>", "may be said again", each, [])
    .option("--replaces <id>", "the device whose place it takes, and whose key ends")
    .action((code: string, options: { readonly id: string; readonly label: readonly string[]; readonly replaces?: string }) =>
      print((asking) => deeds.approveDevice(asking, code, { device: options.id, labels: options.label, replaces: options.replaces })),
    );
  device
    .command("deny")
    .description("refuses what waits with this code")
    .argument("<code>")
    .option("--reason <text>", "which the device shows")
    .action((code: string, options: { readonly reason?: string }) => print((asking) => deeds.denyDevice(asking, code, options.reason)));
  device
    .command("disable")
    .description("out at once and everywhere, and not in again; what runs on it keeps running")
    .argument("<id>")
    .requiredOption("--reason <text>", "e.g. stolen")
    .action((id: string, options: { readonly reason: string }) => print((asking) => deeds.disableDevice(asking, id, options.reason)));
  device
    .command("enable")
    .description("lets a disabled device in again")
    .argument("<id>")
    .action((id: string) => print((asking) => deeds.enableDevice(asking, id)));
}

function addBootstrapCommands(iot: Command, print: Print): void {
  const bootstrap = iot.command("bootstrap").description("tokens for images: they end, they are counted, and they only ask");
  bootstrap
    .command("create")
    .description("prints the file for the boot partition, with the only copy of the token")
    .requiredOption("--name <name>")
    .requiredOption("--max <count>", "how many devices may ask with it")
    .requiredOption("--days <count>", "how long")
    .action((options: { readonly name: string; readonly max: string; readonly days: string }) => {
      const request = BootstrapRequest.safeParse({ name: options.name, maxDevices: Number(options.max), days: Number(options.days) });
      if (!request.success) throw new UserError("--name takes a DNS label, --max 1 to 100000 devices, --days 1 to 366 days");
      return print((asking) => deeds.createBootstrap(asking, request.data));
    });
  bootstrap
    .command("list")
    .description("the tokens, and how many devices asked with each")
    .action(() => print(deeds.listBootstraps));
  bootstrap
    .command("revoke")
    .description("ends a token; devices that are approved stay")
    .argument("<name>")
    .action((name: string) => print((asking) => deeds.revokeBootstrap(asking, name)));
}
