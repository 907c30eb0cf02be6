// `iot release`: ends a hold.

import { parse } from "@harmony/schema";
import { Released } from "@iot/contracts";
import { onDevice } from "./on-device.ts";

export const release = onDevice("release", ({ deployment, device, result }) => {
  const released = parse(Released, result);
  const wasHeld = released.ok && released.value.wasHeld;
  return wasHeld ? `${deployment} is released on ${device} and is started again` : `${deployment} was not held on ${device}`;
});
