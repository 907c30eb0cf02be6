#!/usr/bin/env node
// `iot-enrolment --standalone` runs the service, configured by its environment; `person add` and
// `person remove` say who may use it.

import { createLog, runUntilSignalled, UserError } from "@harmony/runtime";
import { Person } from "@iot/identity";
import { connectMessaging, fixedCredentials } from "@iot/messaging";
import { readConfig, readNatsConfig } from "./config.ts";
import { addPerson, removePerson } from "./people.ts";
import { startEnrolment } from "./run.ts";

const USAGE = "usage: iot-enrolment --standalone, iot-enrolment person add NAME --role support|admin, iot-enrolment person remove NAME";

const argv = process.argv.slice(2);
const isService = argv.length === 1 && argv[0] === "--standalone";
const write = isService ? undefined : (line: string): void => void process.stderr.write(line);
const log = createLog({
  name: "iot-enrolment",
  level: process.env["LOG_LEVEL"] === "debug" ? "debug" : isService ? "info" : "warn",
  ...(write === undefined ? {} : { write, format: "text" }),
});

await runUntilSignalled((signal) => (isService ? serve(signal) : person(argv, signal)), { log });

async function serve(signal: AbortSignal): Promise<void> {
  const service = await startEnrolment(readConfig(process.env), { log, signal });
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  await service.close();
}

async function person([what, verb, name, flag, word]: readonly (string | undefined)[], signal: AbortSignal): Promise<void> {
  if (what !== "person" || name === undefined) throw new UserError(USAGE);
  const role = Person.shape.role.safeParse(flag === "--role" ? word : undefined);
  if (!Person.shape.name.safeParse(name).success) throw new UserError("the name of a person is a DNS label, e.g. anna");
  if (verb === "add" && !role.success) throw new UserError("say --role support (who reads) or --role admin (who also writes)");
  const { servers, user, pass, caFile } = readNatsConfig(process.env);
  const messaging = await connectMessaging({
    servers,
    credentials: fixedCredentials({ user, pass }),
    caFile,
    name: "iot-enrolment",
    log,
    signal,
  });
  try {
    const access = { messaging, log, signal };
    // The one line of stdout, so that it can go into the person's file.
    if (verb === "add" && role.success) process.stdout.write(`${await addPerson(access, { name, role: role.data })}\n`);
    else if (verb === "remove") await removePerson(access, name);
    else throw new UserError(USAGE);
  } finally {
    await messaging.close();
  }
}
