// What is typed where the service runs: people are added and removed, and a device is disabled though
// the service is away. All of it goes to NATS with the service's own credentials.

import { type Log, UserError } from "@harmony/runtime";
import { EnrolledId, Person } from "@iot/identity";
import { connectMessaging, fixedCredentials, type Messaging } from "@iot/messaging";
import { readConfig, readKickPassword, readNatsConfig, readZitadelConfig } from "./config.ts";
import { disableDevice } from "./disable-device.ts";
import { addPerson, removePerson } from "./people.ts";
import { makeNextKey } from "./issuer/issuer-keys.ts";
import { Records } from "./records/records.ts";
import { Accounts } from "./zitadel/accounts.ts";

export const USAGE =
  "usage: iot-enrolment --standalone, iot-enrolment person add NAME --role viewer|support|maintainer|admin, iot-enrolment person remove NAME, " +
  "iot-enrolment device disable ID --reason TEXT, iot-enrolment issuer next-key";

const CONNECTED_WITHIN_MS = 3_000;

export interface CommandOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Resolves with the exit code. @throws UserError */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<number> {
  const [what, verb, name, flag, word] = argv;
  if (argv.join(" ") === "issuer next-key") {
    await makeNextKey(readConfig(options.env).issuerKeyFile);
    options.write("the service publishes it within a minute, and signs with it ten minutes later\n");
    return 0;
  }
  if (argv.length > 5 || name === undefined) throw new UserError(USAGE);
  switch (`${what ?? ""} ${verb ?? ""}`) {
    case "person add":
      return personAdd(options, name, flag === "--role" ? word : undefined);
    case "person remove":
      await withNats(options, (messaging) => removePerson({ ...options, messaging }, name));
      return 0;
    case "device disable":
      return deviceDisable(options, name, flag === "--reason" ? word : undefined);
    default:
      throw new UserError(USAGE);
  }
}

async function personAdd(options: CommandOptions, name: string, said: string | undefined): Promise<number> {
  const role = Person.shape.role.safeParse(said);
  if (!role.success)
    throw new UserError(
      "say --role viewer (looks), support (reads logs, too), maintainer (acts on devices, too) or admin (says who is a device, too)",
    );
  if (!Person.shape.name.safeParse(name).success) throw new UserError("the name of a person is a DNS label, e.g. anna");
  const secret = await withNats(options, (messaging) => addPerson({ ...options, messaging }, { name, role: role.data }));
  // The one line, so that it can go into the person's file.
  options.write(`${secret}\n`);
  return 0;
}

async function deviceDisable(options: CommandOptions, id: string, reason: string | undefined): Promise<number> {
  const device = EnrolledId.safeParse(id);
  if (!device.success || reason === undefined) throw new UserError("name the device and why: device disable pi-7 --reason stolen");
  const system = await connectToEnd(options);
  const asked = { device: device.data, reason, by: "the machine of the service" };
  const disable = (messaging: Messaging): ReturnType<typeof disableDevice> =>
    withRecords(options, messaging, (records) => {
      const config = readZitadelConfig(options.env);
      const accounts = config === null ? null : new Accounts({ ...options, config, records });
      return disableDevice({ ...options, messaging, system: () => system, records, accounts, openBao: null }, asked);
    });
  let done;
  try {
    done = await withNats(options, disable);
  } finally {
    await system?.close();
  }
  if (done.kind === "refused") throw new UserError(done.refusal.why);
  for (const { step, isDone, message } of done.steps) options.write(`${isDone ? "done" : "LEFT"}  ${step}: ${message}\n`);
  return done.steps.every(({ isDone }) => isDone) ? 0 : 1;
}

/** null: not within some seconds. The device is disabled all the same. */
async function connectToEnd({ env, log, signal }: CommandOptions): Promise<Messaging | null> {
  const pass = readKickPassword(env);
  const { servers, caFile } = readNatsConfig(env);
  if (pass === undefined) return null;
  const soon = AbortSignal.any([signal, AbortSignal.timeout(CONNECTED_WITHIN_MS)]);
  const credentials = fixedCredentials({ user: "kick", pass });
  return connectMessaging({ servers, credentials, caFile, name: "iot-enrolment", log, signal: soon }).catch(() => null);
}

async function withRecords<Result>(
  options: CommandOptions,
  messaging: Messaging,
  work: (records: Records) => Promise<Result>,
): Promise<Result> {
  const records = await Records.open({ ...options, messaging });
  try {
    return await work(records);
  } finally {
    await records.close();
  }
}

async function withNats<Result>({ env, log, signal }: CommandOptions, work: (messaging: Messaging) => Promise<Result>): Promise<Result> {
  const { servers, user, pass, caFile } = readNatsConfig(env);
  const credentials = fixedCredentials({ user, pass });
  const messaging = await connectMessaging({ servers, credentials, caFile, name: "iot-enrolment", log, signal });
  try {
    return await work(messaging);
  } finally {
    await messaging.close();
  }
}
