// Who gives devices their tokens in a suite that runs twice: the service itself, or Zitadel, for which
// the issuer of the tests stands.

import { startIssuer } from "@iot/testkit";
import { type Fleet, startFleet } from "./fleet.ts";

let isZitadel = false;

/** Before the suite is imported. */
export function withZitadel(): void {
  isZitadel = true;
}

export async function startVariant(): Promise<Fleet> {
  if (!isZitadel) return startFleet();
  const zitadel = await startIssuer({ lag: "100ms" });
  const fleet = await startFleet({ zitadel });
  return {
    ...fleet,
    close: async () => {
      await fleet.close();
      await zitadel.stop();
    },
  };
}
