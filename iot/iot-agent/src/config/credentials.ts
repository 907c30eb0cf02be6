// What the agent shows to NATS: the user and the password of its configuration, read anew at each
// dial, so that a file that was changed is followed without a restart. A file that cannot be read
// while the agent runs does not cut the device off: what it said last is shown, and the log says
// so.

import { errorText, type Log } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import { asCredential, type CredentialSource } from "@iot/messaging/device";
import { readCredentials, type StaticCredentials } from "./config.ts";

export interface TomlCredentialsOptions {
  readonly file: string;
  readonly device: DeviceId;
  readonly log: Log;
}

export function tomlCredentials({ file, device, log }: TomlCredentialsOptions): CredentialSource {
  let last: StaticCredentials | null = null;
  let warned = "";
  return {
    current: async () => {
      const before = last;
      try {
        last = await readCredentials(file);
        warned = "";
      } catch (error) {
        if (last === null) throw error;
        const message = errorText(error);
        if (message !== warned) log.warn("the credentials cannot be read; those that were read last are shown to NATS", { error: message });
        warned = message;
      }
      const { natsUser: user, natsPass: pass } = last;
      // Only the server knows who else has this user. In iot/deploy/nats a device's own is named
      // after it.
      if (last.type === "toml-shared" && user !== device && user !== before?.natsUser)
        log.warn(
          "the NATS user is not named as this device is: if other devices have it too, each has the rights of all of them; an identity of its own: sudo iot-agent enrol URL CODE",
          { user },
        );
      return asCredential({ user, pass });
    },
  };
}
