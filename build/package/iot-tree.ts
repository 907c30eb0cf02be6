// Makes the files of `iot` for a person's machine, in a folder as they lie there: the executable,
// the overrides for lintian, and what the program says of itself: its completion and its manual.

import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@iot/testkit";
import { bundle } from "./bundle.ts";
import { IOT } from "./program.ts";
import { put, putText } from "./put-file.ts";
import type { Version } from "./version.ts";

export async function iotTree({
  into,
  executable,
  version,
}: {
  readonly into: string;
  readonly executable: string;
  readonly version: Version;
}): Promise<void> {
  const { completion, manual } = await saidOfItself(version);
  const place = (path: string, text: string): Promise<void> => putText(join(into, path), 0o644, text, { isDebian: true });
  await put(join(into, "usr/bin/iot"), 0o755, (path) => cp(executable, path));
  await place("usr/share/bash-completion/completions/iot", completion);
  await place("usr/share/man/man1/iot.1", manual);
  const overrides = "usr/share/lintian/overrides";
  for (const name of await readdir(join(IOT.sources, "root", overrides)))
    await place(join(overrides, name), await readFile(join(IOT.sources, "root", overrides, name), "utf8"));
}

/** By the bundle for this machine, whatever the target is. */
async function saidOfItself(version: Version): Promise<{ readonly completion: string; readonly manual: string }> {
  const folder = await mkdtemp(join(tmpdir(), "iot-says-"));
  try {
    const outfile = join(folder, "iot.mjs");
    await bundle({ program: IOT, version, format: "mjs", outfile });
    const [completion, manual] = await Promise.all(
      (["completion", "manual"] as const).map(async (command) => (await run([process.execPath, outfile, `--${command}`])).stdout),
    );
    return { completion: completion ?? "", manual: manual ?? "" };
  } finally {
    await rm(folder, { recursive: true });
  }
}
