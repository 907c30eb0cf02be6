// The accounts of this machine, read from its own files: the user that the workloads belong to, and
// who is in a group. Pure.

/** The user to whom the workloads belong. */
export const AGENT_USER = "iot-agent";

export function uidOf(passwd: string, user: string): number | null {
  const line = passwd.split("\n").find((each) => each.startsWith(`${user}:`));
  const uid = Number(line?.split(":")[2] ?? "");
  return line === undefined || !Number.isInteger(uid) ? null : uid;
}

export function membersOf(groups: string, name: string): readonly string[] {
  const line = groups.split("\n").find((each) => each.startsWith(`${name}:`));
  return (line?.split(":")[3] ?? "").split(",").filter((member) => member !== "");
}
