// Carries out the steps that bring files and secrets to where containers get them from. A secret's
// value goes from its file to its place and nowhere else: no step, message or log contains it.

import type { Outcome } from "../model/reason.ts";
import { secretStoreDamaged } from "../model/input-facts.ts";
import type { Application } from "../model/application.ts";
import type { HostView } from "../device/host-view.ts";
import type { InputSource } from "../model/inputs.ts";
import { secretsWritten } from "../libpod/secrets-written.ts";
import type { Podman } from "../libpod/podman.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import { doing } from "../words/step-in-words.ts";
import type { InputStep } from "../model/step.ts";

export interface InputMachine {
  readonly application: Application;
  readonly podman: Podman;
  readonly host: HostView;
  /** Flushes Podman's storage to the disk: Podman writes its store of secrets in place. */
  readonly flush: (signal: AbortSignal) => Promise<void>;
}

export async function executeInputs(machine: InputMachine, step: InputStep, signal: AbortSignal): Promise<Outcome> {
  try {
    return await carryOut(machine, step, signal);
  } catch (error) {
    return outcomeOfInputs(step, error, machine.application);
  }
}

/** @throws what is no failure of Podman or of the file system. */
export function outcomeOfInputs(step: InputStep, error: unknown, application: Application): Outcome {
  const subject = "service" in step ? step.service : "files";
  if (error instanceof PodmanError && /\bJSON\b/.test(error.detail)) {
    return { kind: "blocked", subject, reason: "SecretStoreDamaged", message: secretStoreDamaged(application) };
  }
  if (error instanceof PodmanError)
    return refused(
      subject,
      `${doing(step)} failed: ${error.detail || error.message}; it is tried again; see \`${application.program} doctor\``,
    );
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code !== "string") throw error;
  return code === "ENOSPC" || code === "EDQUOT"
    ? {
        kind: "blocked",
        subject,
        reason: "DiskFull",
        message: `the device's disk is full, so ${doing(step)} failed: free some space (\`df -h\` shows where)`,
      }
    : refused(subject, `${doing(step)} failed: ${String(error)}; it is tried again; see \`${application.program} doctor\``);
}

function refused(subject: string, message: string): Outcome {
  return { kind: "failed", subject, reason: "InputsFailed", message };
}

async function carryOut({ podman, host, flush }: InputMachine, step: InputStep, signal: AbortSignal): Promise<Outcome> {
  switch (step.kind) {
    case "writeMounts": {
      const files: { name: string; mode: number; bytes: Buffer }[] = [];
      for (const { name, mode, source } of step.files) {
        const bytes = await bytesOf(host, source);
        // Changed since observed; the next pass decides.
        if (bytes === null) return { kind: "changed" };
        files.push({ name, mode, bytes });
      }
      await host.writeMounts(step.folder, files);
      break;
    }
    case "removeMounts":
      await host.removeMounts(step.folder);
      break;
    case "createSecret": {
      const bytes = await bytesOf(host, { kind: "secret", name: step.name, digest: step.digest });
      if (bytes === null) return { kind: "changed" };
      await podman.createSecret(step.secret, withoutLastNewline(bytes), signal);
      await flush(signal);
      break;
    }
    case "removeSecret":
      await podman.removeSecret(step.secret, signal);
      await flush(signal);
      break;
    case "repairSecretStore":
      await host.repairSecretStore(step.folder, () => secretsWritten(podman, signal));
      break;
    default:
      step satisfies never;
  }
  return { kind: "changed" };
}

async function bytesOf(host: HostView, source: InputSource): Promise<Buffer | null> {
  if (source.kind === "text") return Buffer.from(source.text);
  const found = await host.readSecret(source.name);
  return found?.digest === source.digest ? found.bytes : null;
}

/** An editor ends a file with a newline, and no password ends so. */
function withoutLastNewline(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1) : bytes;
}
