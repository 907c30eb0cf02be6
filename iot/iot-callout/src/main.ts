#!/usr/bin/env node
// `iot-callout keys FILE` makes its keys and prints what nats.conf needs of them; with `--next` it adds
// the pair that is to follow, and with `--use-next` that becomes the only one. Without an argument it
// runs, configured by its environment.

import { readFile } from "node:fs/promises";
import { formatIssues } from "@harmony/core";
import { createLog, EX_CONFIG, runUntilSignalled, UserError, writeFileDurably } from "@harmony/runtime";
import { openBaoOfService, readOpenBaoSettings } from "@iot/identity";
import { connectMessaging, fixedCredentials } from "@iot/messaging";
import { startCallout } from "./callout.ts";
import { type CalloutKeys, makeKeys, type PublicHalves, publicHalvesOf, readKeys } from "./keys.ts";

/** A login that waits for it longer waits in vain, though its grant is kept. */
const OPENBAO_WITHIN_MS = 1_500;

const log = createLog({ name: "iot-callout" });
const [verb, file, flag] = process.argv.slice(2);
const USAGE = "usage: iot-callout, iot-callout keys FILE [--next | --use-next]";

await runUntilSignalled(async (signal) => (verb === undefined ? run(signal) : command()), { log });

async function command(): Promise<void> {
  if (verb !== "keys" || file === undefined) throw new UserError(USAGE);
  if (flag === undefined) return writeKeys(file);
  const { next, ...present } = await keysFrom(file);
  if (flag === "--next") {
    // Said again, it prints the same.
    const following = next ?? makeKeys().keys;
    await writeFileDurably(file, `${JSON.stringify({ ...present, next: following })}\n`);
    return print(publicHalvesOf(following));
  }
  if (flag !== "--use-next") throw new UserError(USAGE);
  if (next === undefined) throw new UserError(`${file}: there is no next pair: iot-callout keys ${file} --next makes it`);
  await writeFileDurably(file, `${JSON.stringify(next)}\n`);
  print(publicHalvesOf(next));
}

function print({ issuer, xkey }: PublicHalves): void {
  process.stdout.write(`NATS_CALLOUT_ISSUER=${issuer}\nNATS_CALLOUT_XKEY=${xkey}\n`);
}

async function writeKeys(path: string): Promise<void> {
  const { keys, publicHalves } = makeKeys();
  const isThere = await readFile(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw new UserError(`${path} is there already: --next adds the pair that is to follow it`);
  await writeFileDurably(path, `${JSON.stringify(keys)}\n`);
  print(publicHalves);
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
