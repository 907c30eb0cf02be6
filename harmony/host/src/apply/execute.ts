// Does one step on the host, with no choice left to make, and returns its result in words. It knows
// how apt fails.

import type { Outcome } from "@harmony/core";
import { scriptOf } from "./script-of.ts";
import { setAddress } from "./set-address.ts";
import { SshError } from "../ssh/ssh-error.ts";
import type { Ssh } from "../ssh/ssh.ts";
import { describeStep, type HostStep } from "../model/step.ts";

export interface ExecuteOptions {
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
  readonly confirmWithinMs: number;
  readonly onMoved: (ssh: Ssh) => void;
}

/** The limit fits a slow card and a slow mirror. */
const INSTALL_TIMEOUT_MS = 30 * 60_000;
const STEP_TIMEOUT_MS = 2 * 60_000;

export async function execute(ssh: Ssh, step: HostStep, options: ExecuteOptions): Promise<Outcome> {
  try {
    if (step.kind === "set-address") return await setAddress(ssh, step.change, options);
    const timeoutMs = step.kind === "install-packages" ? INSTALL_TIMEOUT_MS : STEP_TIMEOUT_MS;
    const { exitCode, stdout, stderr } = await ssh.run(`set -e\nexport LC_ALL=C\n${scriptOf(step)}`, { signal: options.signal, timeoutMs });
    return exitCode === 0 ? { kind: "changed" } : toOutcome(step, `${stdout}\n${stderr}`, exitCode);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return { kind: "failed", subject: step.kind, reason: error.code, message: error.message };
  }
}

const APT_SAID: readonly (readonly [said: RegExp, reason: string, message: string])[] = [
  [
    /Temporary failure resolving|Could not resolve|Failed to fetch|Could not connect|Connection timed out|Network is unreachable/,
    "NoMirror",
    "the host does not reach its package mirrors: check its default route, name server, proxy and clock",
  ],
  [
    /Unable to locate package|has no installation candidate/,
    "PackageNotFound",
    'the host\'s package lists do not have it: check /etc/apt/sources.list.d and, on Ubuntu, that "universe" is enabled',
  ],
  [/Could not get lock|Unable to acquire the dpkg/, "AptBusy", "another apt is at work on the host: wait for it, then try again"],
  [/dpkg was interrupted/, "DpkgInterrupted", 'an installation was interrupted on the host: run "sudo dpkg --configure -a" there'],
  [/No space left on device/, "DiskFull", "the host's disk is full: make room, then try again"],
  [/Read-only file system/, "ReadOnly", 'the host\'s file system is read-only: look at "dmesg" there, the card may be worn out'],
];

function toOutcome(step: HostStep, said: string, exitCode: number): Outcome {
  const known = APT_SAID.find(([pattern]) => pattern.test(said));
  const words = said
    .trim()
    .split("\n")
    .filter((line) => /^(E|W|Err|error|.*(fail|not|cannot|denied))/i.test(line))
    .slice(-2)
    .join("; ");
  const detail = words === "" ? `exit code ${exitCode}` : words;
  return {
    kind: "failed",
    subject: step.kind,
    reason: known?.[1] ?? "StepFailed",
    message: `failed to ${describeStep(step)}: ${known === undefined ? detail : `${known[2]} (${detail})`}`,
  };
}
