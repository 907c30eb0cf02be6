import { expect, test } from "vitest";
import { toSshError, toSudoError } from "./ssh-error.ts";

const PI = { host: "10.0.0.5", user: "pi" };

test.each([
  ["No ED25519 host key is known for 10.0.0.5 and you have requested strict checking.\nHost key verification failed.", "HostKeyUnknown"],
  ["@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.", "HostKeyChanged"],
  ["pi@10.0.0.5: Permission denied (publickey,password).", "PermissionDenied"],
  ["Received disconnect from 10.0.0.5 port 22:2: Too many authentication failures", "PermissionDenied"],
  ["ssh: Could not resolve hostname pi.lan: Name or service not known", "NameNotResolved"],
  ["ssh: connect to host 10.0.0.5 port 22: Connection refused", "Unreachable"],
  ["ssh: connect to host 10.0.0.5 port 22: Connection timed out", "Unreachable"],
  ["ssh: connect to host 10.0.0.5 port 22: No route to host", "Unreachable"],
  ["client_loop: send disconnect: Broken pipe", "ConnectionLost"],
  ["", "ConnectionLost"],
])("%j is %s", (said, code) => {
  expect(toSshError(PI, said).code).toBe(code);
});

test("a changed key is removed under the name that ssh knows it by", () => {
  const said = "REMOTE HOST IDENTIFICATION HAS CHANGED!";
  expect(toSshError(PI, said).message).toContain('"ssh-keygen -R 10.0.0.5"');
  expect(toSshError({ ...PI, port: 2222 }, said).message).toContain('ssh-keygen -R "[10.0.0.5]:2222"');
});

test.each([
  ["sudo: a password is required", "SudoNeedsPassword"],
  ["sudo: a terminal is required to read the password; either use the -S option", "SudoNeedsPassword"],
  ["pi is not in the sudoers file.", "SudoRefused"],
  ["sh: 1: exec: sudo: not found", "SudoRefused"],
  ["E: Unable to locate package podmann", undefined],
])("of sudo, %j is %s", (said, code) => {
  expect(toSudoError(PI, said)?.code).toBe(code);
});
