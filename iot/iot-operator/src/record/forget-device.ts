// A device that is gone for good is forgotten when a person asks for it: its status, its inventory
// and its manifest. Only one that is silent, and that nothing is meant for: a device that comes back
// later keeps what it runs, and reports as a new one.

import { formatIssues } from "@harmony/core";
import { nearName } from "@harmony/schema";
import { shownAge } from "@iot/report";
import { asDeviceId, type DeviceId, type OperatorAnswer } from "@iot/contracts";
import type { DesiredStateSnapshot, DesiredStateStore, KnownDevice, KnownDevices } from "@iot/messaging";

export interface ForgetDevice {
  readonly desired: Pick<DesiredStateStore, "observe" | "removeManifest">;
  readonly devices: KnownDevices;
  /** The server's clock. */
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

export type Forgotten =
  | { readonly kind: "forgotten"; readonly message: string }
  | { readonly kind: "refused"; readonly message: string; readonly reason?: NonNullable<OperatorAnswer["reason"]> };

export const SILENT_FOR_MS: number = 24 * 3_600_000;
const NAMES_SHOWN = 5;

/** @throws MessagingError */
export async function forgetDevice(text: string, { desired, devices, nowMs, signal }: ForgetDevice): Promise<Forgotten> {
  let device: DeviceId;
  try {
    device = asDeviceId(text);
  } catch (error) {
    return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
  }
  const [snapshot, known] = await Promise.all([desired.observe(signal), devices.find(device, signal)]);
  const refusal = whyNotForgotten(device, { snapshot, known, nowMs });
  if (refusal !== null) return { kind: "refused", ...refusal };
  if (!(await devices.forget(device, known))) return { kind: "refused", message: `"${device}" has just reported: it is not gone` };
  const manifest = snapshot.manifests.get(device);
  if (manifest !== undefined && manifest.isGone !== true) {
    const { ok } = await desired.removeManifest({ device, expectedRevision: manifest.revision });
    if (!ok) return { kind: "refused", message: `something was just written for "${device}": say it again` };
  }
  return { kind: "forgotten", message: `forgets the device ${device}, which ${silence(known, nowMs)}` };
}

interface Observed {
  readonly snapshot: Pick<DesiredStateSnapshot, "manifests">;
  readonly known: KnownDevice;
  readonly nowMs: number;
}

/** null: it may be forgotten. Pure. */
export function whyNotForgotten(
  device: DeviceId,
  { snapshot, known, nowMs }: Observed,
): { readonly message: string; readonly reason?: "UnknownDevice" } | null {
  const held = snapshot.manifests.get(device);
  const heardMs = heardAtMs(known);
  if (heardMs === null && (held === undefined || held.isGone === true)) {
    const near = nearName(
      device,
      [...snapshot.manifests].flatMap(([id, { isGone }]) => (isGone === true ? [] : [id])),
    );
    return {
      message: `nothing is known of a device "${device}"${near === null ? "" : `: do you mean "${near}"?`}`,
      reason: "UnknownDevice",
    };
  }
  if (held !== undefined && !held.manifest.ok) {
    return {
      message: `the manifest of "${device}" cannot be read (${formatIssues(held.manifest.issues)}), so it may be meant for something`,
    };
  }
  const names = Object.keys(held?.manifest.ok === true ? held.manifest.value.deployments : {});
  if (names.length > 0) {
    const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
    return {
      message: `"${device}" is meant to run ${names.slice(0, NAMES_SHOWN).join(", ")}${more}: take it out of their targetDevices and push, then say it again`,
    };
  }
  const silentMs = heardMs === null ? Infinity : nowMs - heardMs;
  if (silentMs >= SILENT_FOR_MS) return null;
  const from = new Date((heardMs ?? 0) + SILENT_FOR_MS).toISOString().replace(/\.\d+Z$/, "Z");
  return {
    message: `"${device}" reported ${shownAge(silentMs / 1_000)} ago, and a device is forgotten after 24 h of silence: switch it off, and say it again from ${from} on`,
  };
}

function heardAtMs({ status, inventory }: KnownDevice): number | null {
  const times = [status, inventory].flatMap((kept) => (kept === null ? [] : [kept.writtenAtMs]));
  return times.length === 0 ? null : Math.max(...times);
}

function silence(known: KnownDevice, nowMs: number): string {
  const heardMs = heardAtMs(known);
  return heardMs === null ? "has never reported" : `has been silent for ${shownAge(Math.max(0, nowMs - heardMs) / 1_000)}`;
}
