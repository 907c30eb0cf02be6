// Makes the Score of the bench's workload, as the operator would write it.

import { scoreString } from "@iot/contracts";

export function scoreOf({ image, port }: { image: string; port: number }): string {
  return scoreString({ type: "PodmanV0", data: { services: [{ name: "hello", image, ports: [`${port}:80`] }] } });
}
