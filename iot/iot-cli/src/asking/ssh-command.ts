// `iot ssh`: OpenSSH to the sshd of a device, through NATS. Its keys, its host keys and its log are
// those of ssh; this only gives it the way.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { isSea } from "node:sea";
import { errorText, UserError } from "@harmony/runtime";
import { defineCommand } from "../command-line/command.ts";
import { EXIT } from "../command-line/exit-codes.ts";
import { NATS_OPTION } from "../command-line/nats-option.ts";
import { deviceOf, PEOPLE_DETAILS } from "./as-person.ts";

const SSH_PORT = 22;

export const ssh = defineCommand({
  options: NATS_OPTION,
  operands: [1, 300],
  details: `What follows -- is the command line of ssh behind the host. The host key is known under the name of the device, whatever address it has. The device permits it by forward = [${SSH_PORT}] under [remote] in its config.toml. Ends as ssh does. ${PEOPLE_DETAILS}`,
  async run({ nats }, [text = "", ...more], _at) {
    const [, user = "", id = ""] = /^(?:(.*)@)?(.*)$/s.exec(text) ?? [];
    const device = deviceOf(id);
    if (user.startsWith("-")) throw new UserError(`"${user}" is no user`, EXIT.usage);
    const self = isSea() ? [process.execPath] : [process.execPath, process.argv[1] ?? ""];
    const proxy = [...self, "port-forward", ...(nats === undefined ? [] : ["--nats", nats]), "--stdio", device, String(SSH_PORT)];
    const options = ["-o", `ProxyCommand=${proxy.map(quoted).join(" ")}`, "-o", `HostKeyAlias=${device}`];
    const child = spawn("ssh", [...options, user === "" ? device : `${user}@${device}`, ...more], { stdio: "inherit" });
    try {
      await once(child, "exit");
      return child.exitCode ?? EXIT.failed;
    } catch (cause) {
      throw new UserError(`cannot run ssh (${errorText(cause)}): install the OpenSSH client`, EXIT.failed, { cause });
    }
  },
});

/** For the shell that ssh gives it to; ssh reads a percent sign as its own. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''").replaceAll("%", "%%")}'`;
}
