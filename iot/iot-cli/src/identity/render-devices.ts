// Devices, requests and bootstrap tokens as text for a terminal. Pure.

import { plainText } from "@harmony/core";
import type { BootstrapList, DeviceList, EnrolmentList, StepsAnswer } from "@iot/identity";
import { renderTable } from "@iot/report";

const TEXT_CHARACTERS = 60;

export function renderDevices(devices: DeviceList["devices"]): string {
  if (devices.length === 0) return "No device has an identity: iot device add ID makes the code for one.\n";
  const rows = devices
    .toSorted((a, b) => (a.device < b.device ? -1 : 1))
    .map(({ device, state, reason, labels = {}, replaces }) => {
      const notes = [
        ...Object.entries(labels).map(([name, value]) => `${name}=${value}`),
        ...(replaces === undefined ? [] : [`replaces ${replaces}`]),
      ];
      return [device, reason === undefined ? state : `${state}: ${reason}`, notes.join(" ")];
    });
  return table(["DEVICE", "STATE", "LABELS"], rows);
}

export function renderPending(enrolments: EnrolmentList["enrolments"]): string {
  if (enrolments.length === 0) return "No device waits for approval.\n";
  const rows = enrolments
    .toSorted((a, b) => (a.since < b.since ? -1 : 1))
    .map(({ code, hardware: { serial, model }, address, since, bootstrap }) =>
      [code, serial, model, address, since, bootstrap].map((text) => text ?? "-"),
    );
  return table(["CODE", "SERIAL", "MODEL", "ADDRESS", "SINCE", "BOOTSTRAP"], rows);
}

export function renderSteps(device: string, steps: StepsAnswer["steps"]): string {
  const lines = steps.map(({ step, isDone, message }) => `${isDone ? "done" : "LEFT"}  ${plainText(`${step}: ${message}`, 600)}`);
  return `${device}\n${lines.join("\n")}\n`;
}

export function renderBootstraps(bootstraps: BootstrapList["bootstraps"], nowS: number): string {
  if (bootstraps.length === 0) return "There is no bootstrap token: iot bootstrap create makes one.\n";
  const rows = bootstraps.map(({ name, expiresAtS, maxDevices, used, serials }) => [
    name,
    `${used} of ${maxDevices}`,
    serials === undefined ? "-" : String(serials),
    `${expiresAtS <= nowS ? "over since" : "until"} ${writtenDay(expiresAtS)}`,
  ]);
  return table(["NAME", "DEVICES", "LISTED", "TIME"], rows);
}

export function writtenDay(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().slice(0, 10);
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((text) => plainText(text, TEXT_CHARACTERS)));
  return `${renderTable(titles, cells).join("\n")}\n`;
}
