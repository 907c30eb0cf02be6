// On which devices a deployment is, by what the devices last said.

import { UserError } from "@harmony/runtime";
import type { DeviceId } from "@iot/contracts";
import { type Messaging, MessagingError, readStatuses } from "@iot/messaging";
import { EXIT } from "../command-line/exit-codes.ts";

const SHOWN = 10;
const BY_NATURE = new Intl.Collator("en", { numeric: true }).compare;

/** At least one, in natural order. @throws UserError */
export async function devicesWith(messaging: Messaging, deployment: string, signal: AbortSignal): Promise<readonly DeviceId[]> {
  const { told } = await readStatuses(messaging, signal).catch((cause: unknown) => {
    const isNotRead = cause instanceof MessagingError && ["PermissionDenied", "NoStore"].includes(cause.code);
    if (!isNotRead) throw cause;
    throw new UserError(`say on which device: NATS does not let this user read where "${deployment}" runs`, EXIT.usage, { cause });
  });
  const devices = told.filter(({ document }) => Object.hasOwn(document.deployments, deployment)).map(({ device }) => device);
  if (devices.length === 0) throw new UserError(`no device says that it has a deployment "${deployment}": iot status shows all`);
  return devices.toSorted(BY_NATURE);
}

/** @throws UserError with the names, when it is more than one. */
export function theOnly(devices: readonly DeviceId[], deployment: string): DeviceId {
  const [only, more] = devices;
  if (only !== undefined && more === undefined) return only;
  const rest = devices.length > SHOWN ? ` and ${devices.length - SHOWN} more` : "";
  const names = `${devices.slice(0, SHOWN).join(", ")}${rest}`;
  throw new UserError(`"${deployment}" is on ${devices.length} devices: name one or a few of ${names}, or say --all-devices`, EXIT.usage);
}
