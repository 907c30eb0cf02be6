// Where the agent's credentials come from: a port, so that a later source (a token, an OpenBao) changes nothing else.

import type { Log } from "@harmony/runtime";
import type { TomlSharedCredentials } from "./config.ts";

export interface NatsCredentials {
  readonly user: string;
  readonly pass: string;
}

export interface CredentialSource {
  natsCredentials(signal: AbortSignal): Promise<NatsCredentials>;
}

/** One user for the whole fleet, from the configuration. */
export function tomlShared(credentials: TomlSharedCredentials, log: Log): CredentialSource {
  return {
    natsCredentials: () => {
      log.info("the NATS user is shared: every device that has this credential has the rights of all of them", {
        user: credentials.natsUser,
      });
      return Promise.resolve({ user: credentials.natsUser, pass: credentials.natsPass });
    },
  };
}
