// The user that the workloads belong to: that it exists, has ids to give to containers, lingers,
// and may open what is plugged in. Pure, from the files of the system.

import { AGENT_USER, membersOf, uidOf } from "../machine/accounts.ts";
import { bad, type Finding, good, warning } from "./finding.ts";

/**
 * Below it what a container logs goes to the system's journal, where `podman logs` does not look.
 */
const LEAST_UID = 1_000;
const LEAST_SUBORDINATE_IDS = 65_536;
const DEVICE_GROUPS = ["dialout", "gpio", "i2c", "spi", "video"] as const;

export function checkUser(passwd: string): Finding {
  const uid = uidOf(passwd, AGENT_USER);
  const again = "install the agent again";
  if (uid === null) return bad("user", `there is no user ${AGENT_USER}`, again);
  if (uid < LEAST_UID)
    return bad(
      "user",
      `${AGENT_USER} has the id ${uid}; below ${LEAST_UID} the logs of its containers are lost`,
      `remove that user, then ${again}`,
    );
  return good("user", `${AGENT_USER}, id ${uid}`);
}

/**
 * `found`: of the folder of the configuration; null: it cannot be looked at. Whom the policy binds
 * must not be able to write it.
 */
export function checkConfigFolder(path: string, found: { readonly uid: number; readonly mode: number } | null): Finding {
  const check = "folder of configuration";
  if (found === null) return warning(check, `${path} cannot be looked at by this user`, "ask as root: sudo iot-agent doctor");
  if (found.uid === 0 && (found.mode & 0o022) === 0) return good(check, `${path} is root's`);
  return bad(check, `others than root may write in ${path}, and so become root by what is installed next`, "install the agent again");
}

export function checkSubordinateIds(file: string, text: string | null): Finding {
  const check = file.includes("subgid") ? "subgid" : "subuid";
  const ranges = (text ?? "").split("\n").map((line) => line.split(":"));
  const count = ranges.reduce((sum, [user, , ids]) => (user === AGENT_USER ? sum + (Number(ids) || 0) : sum), 0);
  // After those of all users, and where useradd begins to give.
  const first = Math.max(100_000, ...ranges.map(([, begin, ids]) => (Number(begin) || 0) + (Number(ids) || 0)));
  const option = check === "subuid" ? "--add-subuids" : "--add-subgids";
  const migrate = `sudo -H -u ${AGENT_USER} sh -c 'cd && XDG_RUNTIME_DIR=/run/user/$(id -u) podman system migrate'`;
  const mend = `sudo usermod ${option} ${first}-${first + LEAST_SUBORDINATE_IDS - 1} ${AGENT_USER} && ${migrate}`;
  if (count === 0) return bad(check, `${file} gives ${AGENT_USER} no ids, so no image can be unpacked`, mend);
  if (count < LEAST_SUBORDINATE_IDS)
    return bad(check, `${file} gives ${AGENT_USER} only ${count} ids; images need ${LEAST_SUBORDINATE_IDS}`, mend);
  return good(check, `${count} ids`);
}

export function checkLinger(lingers: boolean): Finding {
  if (lingers) return good("lingering", "its services run from boot on");
  return bad("lingering", "its containers end when nobody is logged in", `sudo loginctl enable-linger ${AGENT_USER}`);
}

/** The groups that this system has. */
export function checkGroups(groups: string): Finding {
  const there = DEVICE_GROUPS.filter((name) => groups.split("\n").some((line) => line.startsWith(`${name}:`)));
  const missing = there.filter((name) => !membersOf(groups, name).includes(AGENT_USER));
  if (missing.length === 0) return good("groups", there.length === 0 ? "none that devices belong to" : there.join(", "));
  return warning(
    "groups",
    `${AGENT_USER} is not in ${missing.join(", ")}: a Score that uses such devices cannot open them`,
    `sudo usermod -aG ${missing.join(",")} ${AGENT_USER}, then reboot`,
  );
}
