// Installs the agent on a simulated device: the executable, the units and folders of the Debian
// package, set up by that package's own script, so that the tests test what is shipped. dpkg is
// left out, because it would take seconds; the package itself has tests of its own.

import { AGENT_SETUP, agentTree, buildExecutable, DEBIAN_LAYOUT, hostTarget, versionOfCommit } from "@iot/build";
import { type Device, makeTempFolder, run } from "@iot/testkit";
import { join } from "node:path";

/** Makes an archive of those files, and the function that removes it. */
export async function packAgent(): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const folder = await makeTempFolder("agent");
  try {
    const executable = join(folder.path, "iot-agent");
    await buildExecutable({ target: hostTarget(), version: await versionOfCommit(), path: executable });
    const root = join(folder.path, "root");
    await agentTree({ into: root, executable, layout: DEBIAN_LAYOUT });
    const path = join(folder.path, "agent.tar");
    await run(["tar", "--create", "--owner=0", "--group=0", `--file=${path}`, `--directory=${root}`, "."]);
    return { path, remove: () => folder.remove() };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

export async function unpackAgent(device: Device, archive: string): Promise<void> {
  await run(["tar", "--extract", "--no-overwrite-dir", `--file=${archive}`, `--directory=${device.pathOnHost("/")}`]);
  await device.copyIn(AGENT_SETUP, "/opt/iot-agent/setup");
}

/** Runs the setup as dpkg does: it makes what is missing, and starts the agent again. */
export async function setUpAgent(device: Pick<Device, "exec">): Promise<void> {
  await device.exec(["/opt/iot-agent/setup", "configure"]);
}

/**
 * Installs a Debian package by dpkg, as an installation and an upgrade do. The device's system
 * lacks catatonit, which only `init: true` needs.
 */
export async function installPackage(device: Pick<Device, "copyIn" | "exec">, path: string): Promise<void> {
  await device.copyIn(path, "/root/iot-agent.deb");
  await device.exec(["dpkg", "--ignore-depends=catatonit", "--install", "/root/iot-agent.deb"]);
  await device.exec(["rm", "/root/iot-agent.deb"]);
}
