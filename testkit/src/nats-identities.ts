// nats-identities.conf as it is shipped, with the passwords and the callout's keys of a test.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const FILE = join(import.meta.dirname, "../../iot/deploy/nats/nats-identities.conf");

export const IDENTITY_PASSWORDS = {
  operator: "operator-secret",
  callout: "callout-secret",
  enrolment: "enrolment-secret",
  kick: "kick-secret",
} as const;

/**
 * `loginTimeoutS`: how long the server waits for a callout; 30 as shipped. `users`: devices with
 * static users beside it, as docs/migration.md puts them there.
 */
export function natsIdentitiesConfig(
  publicHalves: { readonly issuer: string; readonly xkey: string },
  { loginTimeoutS = 30, users = {} }: { readonly loginTimeoutS?: number; readonly users?: Readonly<Record<string, string>> } = {},
): string {
  const values: Readonly<Record<string, string>> = {
    NATS_OPERATOR_PASSWORD: IDENTITY_PASSWORDS.operator,
    NATS_CALLOUT_PASSWORD: IDENTITY_PASSWORDS.callout,
    NATS_ENROLMENT_PASSWORD: IDENTITY_PASSWORDS.enrolment,
    NATS_KICK_PASSWORD: IDENTITY_PASSWORDS.kick,
    NATS_CALLOUT_ISSUER: publicHalves.issuer,
    NATS_CALLOUT_XKEY: publicHalves.xkey,
  };
  // The address is the testkit's to choose.
  const config = readFileSync(FILE, "utf8")
    .replace(/^listen: .*$/m, "")
    .replace("timeout: 30", `timeout: ${loginTimeoutS}`)
    .replace(/(auth_users: \[ .*) \]/, (_, known: string) => `${[known, ...Object.keys(users)].join(", ")} ]`)
    .replace(
      "  DEVICES {\n",
      (line) =>
        `${line}    users: [ ${Object.entries(users)
          .map(([user, password]) => `{ user: ${user}, password: ${password} }`)
          .join(", ")} ]\n`,
    );
  return config.replace(/^(?!#).*$/gm, (line) =>
    line.replace(/\$(NATS_[A-Z_]+)/g, (whole, name: string) => JSON.stringify(values[name] ?? whole)),
  );
}
