// `iot`: the commands and their options. Thin: what a command finds and how it reads is in the
// files beside it, all of them free of process, console and exit.

import { visibleJson, visibleLines } from "@harmony/core";
import { UserError } from "@harmony/runtime";
import type { OperatorRequest, OperatorVerb } from "@iot/contracts";
import { MessagingError } from "@iot/messaging";
import { YamlReader } from "@iot/workload-files";
import { Command } from "commander";
import { convertComposeFile } from "./compose/convert-compose-file.ts";
import { findFiles } from "./find-files.ts";
import { initRepository } from "./init-repository.ts";
import { type DeploymentRow } from "@iot/fleet";
import { lint, renderFindings } from "./lint-files.ts";
import { provision, type ProvisionOptions } from "./provision.ts";
import { ask, audit, renderAudit } from "./ask-operators.ts";
import type { NatsAccess } from "./nats.ts";
import { type FleetView, readFleet } from "./read-fleet.ts";
import { renderExplanation, renderStatus, saidOfAbsent } from "./render-fleet.ts";

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  /** What is not the result: stderr. */
  readonly warn: (text: string) => void;
  /** Columns of the terminal. */
  readonly width: number;
  readonly signal: AbortSignal;
}

interface NatsOptions {
  readonly nats?: string;
}

/**
 * Resolves with the exit code. @throws UserError with the sentence to print; CommanderError for
 * wrong use.
 */
export async function runIot(argv: readonly string[], around: Surroundings): Promise<number> {
  let exitCode = 0;
  const show = (text: string): void => around.write(visibleLines(text));
  const iot = new Command("iot")
    .description("Looks at a fleet of devices, and at workload repositories before they are pushed.")
    .configureOutput({ writeOut: around.write, outputError: (text, write) => write(text) })
    .exitOverride()
    .showHelpAfterError("(iot --help shows how)")
    .addHelpText(
      "after",
      "\nstatus, explain, audit and what is said of removals go to NATS: --nats or NATS_URL (nats://127.0.0.1:4222), NATS_USER, NATS_PASSWORD, NATS_CA.\nThe reader needs no cluster.",
    );
  const fleet = (options: NatsOptions): Promise<FleetView> => readFleet(natsAccess(options, around.env), around.signal);
  const natsOption = ["--nats <url>", "the NATS server, or several with commas (default: NATS_URL, else nats://127.0.0.1:4222)"] as const;

  iot
    .command("status")
    .description("what is followed and what waits for a person, then each deployment on each device, what is wrong first")
    .option("--json", "the same as JSON")
    .option(...natsOption)
    .action(async (options: NatsOptions & { readonly json?: boolean }) => {
      const read = await fleet(options);
      show(options.json === true ? visibleJson(read, 2) : renderStatus(read, around.width));
    });

  iot
    .command("explain")
    .description("why a deployment is as it is, since when, and what would mend it")
    .argument("<deployment>")
    .argument("[device]", "this device alone")
    .option(...natsOption)
    .action(async (deployment: string, device: string | undefined, options: NatsOptions) => {
      const read = await fleet(options);
      const rows = chooseRows(read, deployment, device);
      const text = rows.map((row) =>
        renderExplanation(
          row,
          read.devices.find((each) => each.device === row.device),
          read.sources,
          around.width,
        ),
      );
      show(text.join("\n"));
    });

  addRemovalCommands(iot, around, natsOption);

  iot
    .command("lint")
    .description("what the operator and the devices would say of workload files before they are pushed")
    .argument("<path...>", "files, or folders with *.yaml and *.yml")
    .option(
      "--nats <url>",
      "compares the devices with those that have reported there (default: NATS_URL; without it they are not compared)",
    )
    .action(async (paths: string[], options: NatsOptions) => {
      const found = await findFiles(paths);
      const { files, unread } = found;
      await using reader = new YamlReader();
      const result = lint({ ...found, read: await reader.readClosely(files), reported: await reportedDevices(options, around) });
      show(renderFindings(result, new Set([...files, ...unread].map(({ path }) => path)).size));
      if (result.findings.some(({ severity }) => severity === "error")) exitCode = 1;
    });

  iot
    .command("init")
    .description("a workload repository to begin with; what is there already is kept")
    .argument("[folder]", "where", ".")
    .option("--device <id>", "the device that runs it", "pi-demo-01")
    .action(async (folder: string, { device }: { readonly device: string }) => {
      const { made, kept, madeRepository } = await initRepository(folder, device);
      show(
        [
          ...made.map((file) => `made  ${file}`),
          ...kept.map((file) => `kept  ${file}, which was there`),
          ...(madeRepository ? ["made  .git"] : []),
          "Edit deployment.yaml, iot lint ., git push.",
          "",
        ].join("\n"),
      );
    });

  const each = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  iot
    .command("provision")
    .description("makes a Linux host ready for the agent over SSH, and finds nothing to do the second time")
    .option("--host <host>", "its name or address, as ssh takes it")
    .option("--user <name>", "who logs in, and may use sudo without a password")
    .option("--port <number>", "sshd's port")
    .option("--identity <file>", "the private key to log in with")
    .option("--known-hosts <file>", "the known host keys (default: ssh's own files)")
    .option("--accept-new-host-key", "takes the key of a host that was never seen before")
    .option("--score <file>", "a LinuxHostV0 in YAML; without it a field device's usual")
    .option("--device-id <id>", "becomes the host's name")
    .option("--ssh-key <file>", "a public key that may log in as iot-agent; may be said again", each, [])
    .option("--address <cidr>", "a static address such as 192.168.1.20/24; undone unless the host answers there within 60 s")
    .option("--gateway <address>", "the default route that goes with it")
    .option("--dns <address>", "a name server that goes with it; may be said again", each, [])
    .option("--interface <name>", "the interface that gets it (default: the one with the default route)")
    .option("--dry-run", "prints what would be done")
    .option("--cloud-init", "prints the same as a cloud-init user-data file instead")
    .option("--admin <name>", "in that file: the user who may log in with the same keys and use sudo (default: the image's own)")
    .option("--network-config", "prints the static address as cloud-init's network-config instead")
    .action(async (options: ProvisionOptions) => {
      exitCode = await provision(options, around);
    });

  iot
    .command("convert")
    .description("a Compose file as a Deployment on stdout; on stderr what of it is not taken over, or is yours to do")
    .argument("<compose.yaml>")
    .option("--device <id>", "the device that runs it", "pi-demo-01")
    .action(async (file: string, { device }: { readonly device: string }) => {
      const { text, notes } = await convertComposeFile(file, device);
      around.write(text);
      for (const { path, message } of notes) around.warn(visibleLines(`${file}: ${path}: ${message}\n`));
    });

  await iot.parseAsync([...argv], { from: "user" });
  return exitCode;
}

type NatsOption = readonly [flags: string, description: string];

/** What a person says to the operators; each ends with 1 when no operator did it. */
function addRemovalCommands(iot: Command, around: Surroundings, natsOption: NatsOption): void {
  const say = async (options: NatsOptions, ...[verb, request]: [OperatorVerb, OperatorRequest]): Promise<void> =>
    around.write(visibleLines(`${await ask(natsAccess(options, around.env), verb, request, around.signal)}\n`));
  iot
    .command("confirm")
    .description("lets go exactly the removals that iot status shows with this token")
    .argument("<token>")
    .option(...natsOption)
    .action((token: string, options: NatsOptions) => say(options, "confirm", { token }));
  iot
    .command("keep")
    .description("keeps on the devices what was to be removed; it is lost from then on, which iot status shows")
    .argument("[name]", "a Deployment, or namespace/name")
    .option("--namespace <namespace>", "all of this namespace")
    .option(...natsOption)
    .action((name: string | undefined, { namespace, ...options }: NatsOptions & { readonly namespace?: string }) => {
      if (name === undefined && namespace === undefined) throw new UserError("name a Deployment, or --namespace with all of it");
      return say(options, "keep", { ...(name === undefined ? {} : { name }), ...(namespace === undefined ? {} : { namespace }) });
    });
  iot
    .command("adopt")
    .description("lets a source take over what another one owned that is gone, by namespace and name")
    .argument("<old-source>", "the id of the source that is gone")
    .option(...natsOption)
    .action((source: string, options: NatsOptions) => say(options, "adopt", { source }));
  iot
    .command("forget")
    .description("takes a source that ended out of iot status; what devices have of it stays")
    .argument("<source>", "its id")
    .option(...natsOption)
    .action((source: string, options: NatsOptions) => say(options, "forget", { source }));
  iot
    .command("audit")
    .description("what operators removed, held and lost, and what people said, the newest last")
    .option("--last <count>", "how many", "50")
    .option("--source <id>", "of these, this source's alone")
    .option("--json", "the same as JSON")
    .option(...natsOption)
    .action(async (options: NatsOptions & { readonly last: string; readonly source?: string; readonly json?: boolean }) => {
      const count = Number(options.last);
      if (!Number.isSafeInteger(count) || count < 1 || count > 10_000) throw new UserError("--last takes a whole number from 1 to 10000");
      const events = await audit(natsAccess(options, around.env), { count, source: options.source ?? null }, around.signal);
      around.write(options.json === true ? visibleJson(events, 2) : renderAudit(events));
    });
}

/** null: no NATS is named, or it does not answer, which is said. */
async function reportedDevices(options: NatsOptions, around: Surroundings): Promise<readonly string[] | null> {
  if ([options.nats, around.env["NATS_URL"]].every((url) => url === undefined || url === "")) return null;
  try {
    const { devices } = await readFleet(natsAccess(options, around.env), around.signal);
    return devices.filter(({ lastSeenAt }) => lastSeenAt !== null).map(({ device }) => device);
  } catch (error) {
    if (!(error instanceof UserError || error instanceof MessagingError)) throw error;
    around.warn(visibleLines(`the devices are not compared with those that have reported: ${error.message}\n`));
    return null;
  }
}

function natsAccess({ nats }: NatsOptions, env: Surroundings["env"]): NatsAccess {
  const text = [nats, env["NATS_URL"]].find((each) => each !== undefined && each !== "") ?? "nats://127.0.0.1:4222";
  const servers = text.split(",").map((server) => server.trim());
  return { servers, user: env["NATS_USER"], pass: env["NATS_PASSWORD"], caFile: env["NATS_CA"] === "" ? undefined : env["NATS_CA"] };
}

function chooseRows(fleet: FleetView, deployment: string, device: string | undefined): readonly DeploymentRow[] {
  const ofDeployment = fleet.deployments.filter((row) => row.deployment === deployment);
  if (ofDeployment.length === 0) {
    throw new UserError(
      `no device has a deployment "${deployment}": ${known(
        "deployments",
        fleet.deployments.map((row) => row.deployment),
      )}${saidOfAbsent(deployment, fleet.sources)}`,
    );
  }
  const rows = ofDeployment.filter((row) => device === undefined || row.device === device);
  if (rows.length > 0) return rows;
  throw new UserError(
    `"${deployment}" is not on device "${device ?? ""}": ${known(
      "devices that have it",
      ofDeployment.map((row) => row.device),
    )}`,
  );
}

function known(what: string, names: readonly string[]): string {
  const each = [...new Set(names)].toSorted();
  const more = each.length > 10 ? ` and ${each.length - 10} more` : "";
  return each.length === 0 ? `there are no ${what}` : `the ${what} are ${each.slice(0, 10).join(", ")}${more}`;
}
