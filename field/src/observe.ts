// Observes on a device after a power cut what a person would look at, in one go through its shell:
// the containers, volumes and networks of the agent's Podman (by its socket, because `podman` takes
// seconds there), the agent's files, and its journal since the boot. It also runs fsck on this
// machine, on a copy of the disk as the cut left it.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "@iot/testkit";
import * as z from "zod/mini";
import type { GuestShell } from "./guest-shell.ts";
import type { Container, Observation } from "./judge.ts";

type Seen = Pick<Observation, "containers" | "volumes" | "networks" | "files" | "agentJournal">;

const SECTION = "=#=";
const SOCKET = "/run/user/$(id -u iot-agent)/podman/podman.sock";

const podman = (path: string): string =>
  `curl --silent --show-error --max-time 60 --unix-socket ${SOCKET} http://d/v4.0.0/libpod/${path} || echo null`;

// The script leaves the reserve out: nothing is in it, and a megabyte takes minutes through the
// device's console.
const SCRIPT = `
echo '${SECTION} containers'; ${podman("containers/json?all=true")}; echo
echo '${SECTION} volumes'; ${podman("volumes/json")}; echo
echo '${SECTION} networks'; ${podman("networks/json")}; echo
echo '${SECTION} journal'; journalctl --boot --unit=iot-agent --output=cat --no-pager; echo
cd /var/lib/iot-agent && find . -type f ! -path ./swaps/.reserve | while read -r file; do echo '${SECTION} file '"$file"; cat "$file"; echo; done
`;

const Listed = z.array(z.object({ Names: z.array(z.string()), State: z.string(), Image: z.string() }));
const Named = z.nullable(z.array(z.object({ Name: z.string() })));
const Network = z.nullable(z.array(z.object({ name: z.string() })));

export async function observe(shell: GuestShell): Promise<Seen> {
  const { output } = await shell.run(SCRIPT, { timeoutMs: 180_000 });
  const sections = new Map(
    output
      .split(`${SECTION} `)
      .slice(1)
      .map((section): [string, string] => {
        const end = section.indexOf("\n");
        // The line break that `echo` adds after a file does not belong to the file.
        return [section.slice(0, end), section.slice(end + 1).replace(/\n$/, "")];
      }),
  );
  const json = (name: string): unknown => JSON.parse(sections.get(name) ?? "null");
  const files = [...sections].filter(([name]) => name.startsWith("file "));
  return {
    containers: containersOf(json("containers")),
    volumes: (z.parse(Named, json("volumes")) ?? []).map(({ Name }) => Name),
    networks: (z.parse(Network, json("networks")) ?? []).map(({ name }) => name),
    files: Object.fromEntries(files.map(([name, text]) => [name.replace("file ./", ""), text])),
    agentJournal: (sections.get("journal") ?? "").split("\n").filter(Boolean),
  };
}

export async function observeContainers(shell: GuestShell): Promise<readonly Container[]> {
  const { output } = await shell.run(podman("containers/json?all=true"), { timeoutMs: 120_000 });
  return containersOf(JSON.parse(output));
}

function containersOf(listed: unknown): readonly Container[] {
  return z.parse(Listed, listed).map(({ Names, State, Image }) => ({ name: Names[0] ?? "", state: State, image: Image }));
}

/** Replays the journal and checks everything, in a copy: the device must do that by itself. */
export async function checkFileSystem(disk: string, folder: string): Promise<Observation["fsck"]> {
  const copy = join(folder, "fsck.raw");
  await run(["cp", "--sparse=always", disk, copy]);
  const { exitCode, stdout, stderr } = await run(["e2fsck", "-f", "-p", copy], { allowExitCodes: [0, 1, 2, 4, 8], timeoutMs: 300_000 });
  await rm(copy);
  return { exitCode, output: stdout + stderr };
}
