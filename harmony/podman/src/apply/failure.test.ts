// A cause that heals by itself is no fault of the version: it is blocked, with a sentence that
// names what is missing.

import { expect, test } from "vitest";
import { APPLICATION } from "../../test/application.ts";
import { outcomeOf } from "./failure.ts";
import { codeOfAnswer, PodmanError } from "../libpod/podman-error.ts";

const start = { kind: "start", service: "web", container: "app_web", patienceMs: 0, trial: null } as const;

test.each([
  [
    "crun: cannot stat `/dev/serial/by-path/pci-0000:00:14.0-usb`: No such file or directory: OCI runtime attempted to invoke a command that was not found",
    "DeviceMissing",
    "device /dev/serial/by-path/pci-0000:00:14.0-usb of service",
  ],
  ["statfs /srv/data: no such file or directory", "HostPathMissing", "path /srv/data, which"],
  [
    "pasta failed with exit code 1: Failed to bind port 8081 (Cannot assign requested address) for option '-t 10.77.0.9/8081-8081:80-80'",
    "AddressMissing",
    "a port at 10.77.0.9, which",
  ],
  ["rootlessport listen tcp [fd00::9]:8081: bind: cannot assign requested address", "AddressMissing", "a port at fd00::9, which"],
  ["pasta failed with exit code 1: Couldn't set IPv4 route(s) in guest: Invalid argument", "NetworkNotReady", "cable is out: plug it in"],
])("%s", (detail, reason, says) => {
  const outcome = outcomeOf(start, new PodmanError("failed to start", { code: codeOfAnswer(500, detail), detail }), APPLICATION);
  expect(outcome).toMatchObject({ kind: "blocked", subject: "web", reason });
  expect("message" in outcome && outcome.message).toContain(says);
});
