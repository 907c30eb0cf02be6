// The version and date of the agent that is built: from its npm package and the commit. The
// commit's date is the date of every file that is made, so that the same commit gives the same
// bytes.

import { run } from "@iot/testkit";
import manifest from "../../iot/iot-agent/package.json" with { type: "json" };
import { REPOSITORY } from "./node-program.ts";

export interface Version {
  /** The version as Debian writes it: a later commit is a later version. */
  readonly debian: string;
  readonly agent: string;
  readonly commit: string;
  readonly commitEpochSeconds: number;
}

export async function versionOfCommit(): Promise<Version> {
  const { stdout } = await run(["git", "log", "-1", "--format=%h %ct", "--abbrev=10"], { cwd: REPOSITORY });
  const [commit = "", epoch = ""] = stdout.trim().split(" ");
  const commitEpochSeconds = Number(epoch);
  const day = new Date(commitEpochSeconds * 1000).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14);
  return { debian: `${manifest.version}+git${day}.${commit}`, agent: manifest.version, commit, commitEpochSeconds };
}
