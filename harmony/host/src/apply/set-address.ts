// Gives a host a new address without locking anybody out. The host tries it from files under /run,
// with a timer of its own that takes it back. Before that, this side has to reach the host under
// the new address, see that the gateway is there, and say "keep". Lost connections, a wrong
// address, a wrong gateway and a power cut all end at the old address.

import { setTimeout } from "node:timers/promises";
import type { Outcome } from "@harmony/core";
import { writeFile } from "./script-of.ts";
import { quote, quoteAll } from "../model/shell-quote.ts";
import { SshError } from "../ssh/ssh-error.ts";
import type { Ssh } from "../ssh/ssh.ts";
import type { AddressChange } from "../model/address-change.ts";

export interface SetAddressOptions {
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
  /** The time that the host waits for "keep". */
  readonly confirmWithinMs: number;
  /** Called with the connection to the new address when it is kept. */
  readonly onMoved: (ssh: Ssh) => void;
}

/** The host keeps the two scripts there, and marks how far they came. */
const folderOf = ({ runName }: AddressChange): string => `/run/${runName}`;
const NO_GATEWAY = 3;
const NOT_YET = 5;

export async function setAddress(ssh: Ssh, change: AddressChange, options: SetAddressOptions): Promise<Outcome> {
  const { signal, progress, confirmWithinMs, onMoved } = options;
  const address = change.address.split("/")[0] ?? "";
  const armed = await ssh.run(armScript(change, confirmWithinMs), { signal });
  if (armed.exitCode !== 0) return failed("AddressNotTried", `${address} could not be tried: ${lastWords(armed.stderr)}`);
  progress(`waiting until the host answers at ${address}`);
  const deadline = Date.now() + confirmWithinMs;
  const moved = await ssh.at(address);
  let isKept = false;
  try {
    const silent = `it did not answer within ${Math.round(confirmWithinMs / 1000)} s`;
    let seen = silent;
    while (Date.now() < deadline) {
      const answer = await confirm(moved, change, signal);
      if (answer === "kept") {
        isKept = true;
        onMoved(moved);
        return { kind: "changed" };
      }
      if (answer === "no gateway") {
        seen = `the host answered there, and the gateway ${change.gateway} did not answer it`;
        break;
      }
      if (answer !== "not yet") seen = `${silent} (${answer.message})`;
      await pause(500, signal);
    }
    progress("waiting until the host is back at its old address");
    const back = await isBack(ssh, change, { signal, withinMs: confirmWithinMs + BACK_WITHIN_MS });
    const where = back ? `it is back at ${ssh.host}` : `it has not been seen at ${ssh.host} again`;
    return failed("AddressUndone", `the host has not kept ${change.address}: ${seen}; ${where}. Check address, prefix, gateway and cable`);
  } finally {
    if (!isKept) await moved.close();
  }
}

const BACK_WITHIN_MS = 30_000;

type Answer = "kept" | "no gateway" | "not yet" | SshError;

async function confirm(moved: Ssh, change: AddressChange, signal: AbortSignal): Promise<Answer> {
  try {
    const { exitCode } = await moved.run(keepScript(change), { signal, timeoutMs: 45_000 });
    if (exitCode === 0) return "kept";
    return exitCode === NO_GATEWAY ? "no gateway" : "not yet";
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
}

async function isBack(
  ssh: Ssh,
  change: AddressChange,
  { signal, withinMs }: { readonly signal: AbortSignal; readonly withinMs: number },
): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    try {
      // A command on the master connection may wait for an address that is gone.
      const { exitCode } = await ssh.run(`[ -e ${folderOf(change)}/undone ]`, { signal, timeoutMs: 5_000 });
      if (exitCode === 0) return true;
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      await ssh.disconnect();
    }
    await pause(500, signal);
  }
  return false;
}

/**
 * Writes the two scripts there, starts the timer, and lets the trial begin a moment later, when
 * this connection has been answered.
 */
function armScript(change: AddressChange, confirmWithinMs: number): string {
  const { runName, trials, applyTrial, undoTrial } = change;
  const folder = folderOf(change);
  const script = (text: string, name: string): readonly string[] =>
    writeFile({ path: `${folder}/${name}`, text: `${text}\n`, mode: "0700", owner: "root" });
  const undo = `touch ${folder}/undone\nrm -f ${quoteAll(paths(trials))}\n${undoTrial}`;
  const attempt = [...trials.flatMap(writeNetworkFile), applyTrial, `touch ${folder}/tried`];
  const timer = (name: string, after: string): string =>
    `systemd-run --quiet --collect --unit=${runName}-${name} --on-active=${after} --timer-property=AccuracySec=100ms /bin/sh -e ${folder}/${name}`;
  return [
    "set -e",
    `systemctl --quiet stop ${runName}-undo.timer ${runName}-attempt.timer 2>/dev/null || true`,
    `rm -rf ${folder}`,
    `install -d -m 0700 ${folder}`,
    ...script(undo, "undo"),
    ...script(attempt.join("\n"), "attempt"),
    timer("undo", `${Math.ceil(confirmWithinMs / 1000)}s`),
    timer("attempt", "500ms"),
  ].join("\n");
}

/**
 * systemd-networkd has a user of its own. The other programs' files may hold secrets, so they are
 * for root alone.
 */
function writeNetworkFile(file: { readonly path: string; readonly text: string }): readonly string[] {
  return writeFile({ ...file, mode: file.path.endsWith(".network") ? "0644" : "0600", owner: "root" });
}

function paths(files: AddressChange["files"]): readonly string[] {
  return files.map(({ path }) => path);
}

function keepScript(change: AddressChange): string {
  const { interface: link, address, gateway, runName, files, trials, keep } = change;
  const folder = folderOf(change);
  return [
    `[ -e ${folder}/tried ] || exit ${NOT_YET}`,
    `ip -o -4 address show dev ${quote(link)} | grep -qF ${quote(`inet ${address} `)} || exit ${NOT_YET}`,
    // A packet for nobody makes the kernel look for the neighbour; an entry that it finds is an
    // answer of the gateway itself.
    `bash -c ${quote(`echo >/dev/udp/${gateway}/9`)} 2>/dev/null`,
    "n=0",
    `until ip neighbour show ${quote(gateway)} dev ${quote(link)} | grep -q lladdr; do`,
    `  n=$((n + 1)); [ "$n" -le 7 ] || { systemctl --no-block start ${runName}-undo.service; exit ${NO_GATEWAY}; }`,
    "  sleep 0.5",
    "done",
    `systemctl --quiet stop ${runName}-undo.timer`,
    `[ ! -e ${folder}/undone ] || exit ${NOT_YET}`,
    "set -e",
    ...files.flatMap(writeNetworkFile),
    // It comes before the trial's files are removed: the kept files outlast a power cut.
    "sync",
    `rm -f ${quoteAll(paths(trials))}`,
    // A unit of its own goes on where the connection is lost for a moment.
    `systemd-run --quiet --collect --wait --unit=${runName}-keep /bin/sh -c ${quote(keep)}`,
  ].join("\n");
}

function failed(reason: string, message: string): Outcome {
  return { kind: "failed", subject: "address", reason, message };
}

function lastWords(stderr: string): string {
  return stderr.trim().split("\n").slice(-2).join("; ") || "it said nothing";
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal });
}
