// The device's key in a TPM: made in the chip, and never outside of it. tpm2-tools do the work,
// once in some hours, so no library of it stays in the agent's memory. What is on the disk in place
// of the key is the name of its place in the chip. Loaded only where the configuration says key =
// "tpm".

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Signer } from "@iot/identity/device";

const WITHIN_MS = 30_000;
const PREFIX = "tpm:";
/** Of the owner, below those that others take first. The second is for the key that follows. */
const HANDLES = ["0x81010A10", "0x81010A11"] as const;
/** Zitadel takes no other than RSA for an assertion. */
const ALGORITHM = "rsa2048:rsassa-sha256:null";
const ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign";

/** A new key in the place that `inUse` has not; what was there goes. Its text for the disk. */
export async function makeTpmKey(inUse: string | null): Promise<string> {
  const handle = HANDLES.find((each) => inUse?.trim() !== PREFIX + each) ?? HANDLES[0];
  await inFolder(async (folder) => {
    const file = (name: string): string => join(folder, name);
    await tpm("tpm2_evictcontrol", "-C", "o", "-c", handle).catch(() => undefined);
    for (const [program, ...args] of [
      ["tpm2_createprimary", "-Q", "-C", "o", "-c", file("primary")],
      ["tpm2_create", "-Q", "-C", file("primary"), "-G", ALGORITHM, "-a", ATTRIBUTES, "-u", file("public"), "-r", file("private")],
      ["tpm2_load", "-Q", "-C", file("primary"), "-u", file("public"), "-r", file("private"), "-c", file("key")],
      ["tpm2_evictcontrol", "-Q", "-C", "o", "-c", file("key"), handle],
    ] as const) {
      await tpm(program, ...args);
      // A chip has room for three keys. The kernel empties it behind each program; without the
      // kernel nobody does.
      await tpm("tpm2_flushcontext", "-t").catch(() => undefined);
    }
  });
  return `${PREFIX}${handle}\n`;
}

/** @throws what the tool says, when the chip or the key is not there. */
export async function tpmSigner(text: string): Promise<Signer> {
  const handle = text.trim().slice(PREFIX.length);
  const publicKeyPem = await inFolder(async (folder) => {
    const pem = join(folder, "public.pem");
    await tpm("tpm2_readpublic", "-Q", "-c", handle, "-f", "pem", "-o", pem);
    return readFile(pem, "utf8");
  });
  const sign = (data: Uint8Array): Promise<Uint8Array> =>
    inFolder(async (folder) => {
      const [message, signature] = [join(folder, "message"), join(folder, "signature")];
      await writeFile(message, data);
      // Into a file: Node's pipes are sockets, which the tool does not write.
      await tpm("tpm2_sign", "-Q", "-c", handle, "-g", "sha256", "-s", "rsassa", "-f", "plain", "-o", signature, message);
      return readFile(signature);
    });
  return { publicKeyPem, sign };
}

async function tpm(program: string, ...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(program, [...args], { timeout: WITHIN_MS });
  } catch (error) {
    // The rest is the addresses of its sources.
    // oxlint-disable-next-line preserve-caught-error
    throw new Error(`${program}: ${saidBy(error)}`);
  }
}

/** Its first line of an error, without the addresses of its sources. */
function saidBy(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if ("code" in cause && cause.code === "ENOENT") return "it is not there: install the package tpm2-tools";
  const text = "stderr" in cause ? String(cause.stderr) : cause.message;
  return (/^ERROR: (.*)$/m.exec(text)?.[1] ?? text.trim().split("\n")[0] ?? "").slice(0, 200);
}

/** In memory, as far as /tmp is. */
async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "iot-agent-tpm-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
