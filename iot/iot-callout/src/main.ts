#!/usr/bin/env node
// `iot-callout keys FILE` makes its two key pairs and prints the lines of nats.conf; without an
// argument it runs, configured by its environment.

import { readFile } from "node:fs/promises";
import { formatIssues } from "@harmony/core";
import { createLog, EX_CONFIG, runUntilSignalled, UserError, writeFileDurably } from "@harmony/runtime";
import { openBaoOfService, readOpenBaoSettings } from "@iot/identity";
import { connectMessaging, fixedCredentials } from "@iot/messaging";
import { startCallout } from "./callout.ts";
import { type CalloutKeys, makeKeys, readKeys } from "./keys.ts";

/** A login that waits for it longer waits in vain, though its grant is kept. */
const OPENBAO_WITHIN_MS = 1_500;

const log = createLog({ name: "iot-callout" });
const [verb, file] = process.argv.slice(2);

await runUntilSignalled(async (signal) => (verb === "keys" && file !== undefined ? writeKeys(file) : run(signal)), { log });

async function writeKeys(path: string): Promise<void> {
  const { keys, publicHalves } = makeKeys();
  const isThere = await readFile(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw new UserError(`${path} is there already: remove it first, and all devices wait until nats.conf has the new keys`);
  await writeFileDurably(path, `${JSON.stringify(keys)}\n`);
  process.stdout.write(`NATS_CALLOUT_ISSUER=${publicHalves.issuer}\nNATS_CALLOUT_XKEY=${publicHalves.xkey}\n`);
}

async function run(signal: AbortSignal): Promise<void> {
  const keys = await keysFrom(process.env["IOT_CALLOUT_KEYS"] ?? "/etc/iot-callout/keys.json");
  const settings = readOpenBaoSettings(process.env);
  const bao = settings === null ? null : openBaoOfService(settings, { withinMs: OPENBAO_WITHIN_MS, signal });
  const messaging = await connectMessaging({
    servers: (process.env["NATS_URL"] ?? "nats://127.0.0.1:4222").split(","),
    credentials: fixedCredentials({ user: process.env["NATS_USER"] ?? "callout", pass: await passwordOf(process.env) }),
    caFile: process.env["NATS_CA"],
    name: "iot-callout",
    log,
    signal,
  });
  const callout = await startCallout({ messaging, keys, bao, log, signal });
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  await callout.close();
  await messaging.close();
}

async function passwordOf(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const path = env["NATS_PASSWORD_FILE"] ?? "";
  if (path === "") return env["NATS_PASSWORD"];
  const content = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new UserError(`NATS_PASSWORD_FILE: ${path} cannot be read`, EX_CONFIG, { cause });
  });
  return content.trimEnd();
}

async function keysFrom(path: string): Promise<CalloutKeys> {
  const content = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new UserError(`${path}: cannot read the callout's keys: iot-callout keys ${path} makes them`, EX_CONFIG, { cause });
  });
  const read = readKeys(content);
  if (!read.ok) throw new UserError(`${path}: ${formatIssues(read.issues)}`, EX_CONFIG);
  return read.value;
}
