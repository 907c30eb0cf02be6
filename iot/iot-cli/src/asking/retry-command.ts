// `iot retry`: has a device try again now what failed, or what it waits for.

import { onDevice } from "./on-device.ts";

export const retry = onDevice(
  "retry",
  ({ deployment, device }) => `${deployment} is tried again on ${device}: iot explain ${deployment} ${device} says how it goes`,
);
