// nats.conf as it is shipped, with the example of devices.conf once for each device, and the people
// of people.conf, each with a password of the test.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../iot/deploy/nats");

export const ACCOUNT_PASSWORDS = { operator: "operator-secret", people: "people-secret" } as const;

/** `devices`: the password of each is its id and `-secret`. */
export function natsAccountsConfig({ devices }: { readonly devices: readonly string[] }): string {
  return withUsers({ devices: usersOf(join(FOLDER, "devices.conf"), devices) });
}

/** The same, with one credential for all devices: `iot-agent`, `agent-secret`. */
export function natsSharedConfig(): string {
  return withUsers({ devices: readFileSync(join(FOLDER, "devices-shared.conf"), "utf8").replace("$NATS_AGENT_PASSWORD", "agent-secret") });
}

function withUsers({ devices }: { readonly devices: string }): string {
  const people = readFileSync(join(FOLDER, "people.conf"), "utf8").replaceAll("change-me", ACCOUNT_PASSWORDS.people);
  const config = readFileSync(join(FOLDER, "nats.conf"), "utf8");
  for (const line of ["include ./devices.conf", "# include ./people.conf"])
    if (!config.includes(line)) throw new Error(`nats.conf has no line "${line}"`);
  // The address is the testkit's to choose.
  return config
    .replace(/^listen: .*$/m, "")
    .replace("password: $NATS_OPERATOR_PASSWORD", `password: ${ACCOUNT_PASSWORDS.operator}`)
    .replace("# include ./people.conf", () => people)
    .replace(/include \.\/devices\.conf.*/, () => devices);
}

function usersOf(file: string, devices: readonly string[]): string {
  const [, block = ""] = /users: \[\n([\s\S]*)\n\]/.exec(readFileSync(file, "utf8")) ?? [];
  return `users: [\n${devices.map((id) => block.replaceAll("pi-demo-01", id).replace("change-me", `${id}-secret`)).join("\n")}\n]`;
}
