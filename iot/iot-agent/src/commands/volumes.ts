// `iot-agent volumes`: what deployments that are gone have left, with its size and age. Nothing
// removes it but a person.

import { connectPodman, labelsOf, type ListedVolume, type Podman } from "@harmony/podman";
import { IOT_AGENT, LocalStatus } from "@iot/contracts";
import { renderTable, shownAge } from "@iot/report";
import { podmanSocket } from "./agent/podman-socket.ts";
import { asJson, type Command, JSON_OPTION, parseCommandLine, type Surroundings } from "./command.ts";

export const volumes: Command = {
  usage: "volumes [--json]",
  summary: "the volumes that deployments which are gone have left, with size and age",
  details: "\nThe agent never removes one. `iot-agent podman volume rm NAME` does, with all that is in it.\n",
  async run(args, at) {
    const { values } = parseCommandLine(args, { usage: this.usage, options: JSON_OPTION });
    const { deployments } = await at.agent.ask(LocalStatus, { method: "GET", path: "/status" });
    const podman = connectPodman({ socketPath: await podmanSocket(at), user: IOT_AGENT.user });
    const left = leftVolumes(await podman.unusedVolumes(at.signal), Object.keys(deployments));
    const found = await withSizes(left, podman, at);
    at.write(values.json === true ? asJson({ volumes: found }) : renderVolumes(found, Date.now()));
    return 0;
  },
};

export interface LeftVolume {
  readonly name: string;
  /** null: a volume without a name of its own, which Podman made for an image. */
  readonly deployment: string | null;
  /** RFC 3339. */
  readonly createdAt: string;
}

interface MeasuredVolume extends LeftVolume {
  /** null: it could not be measured. */
  readonly sizeBytes: number | null;
}

/**
 * `unused`: those that no container mounts. A volume of a deployment that is here is not left over:
 * its next version may mount it again. Pure.
 */
export function leftVolumes(unused: readonly ListedVolume[], deployments: readonly string[]): readonly LeftVolume[] {
  const key = labelsOf(IOT_AGENT).deployment;
  return unused
    .flatMap(({ Name: name, Labels, CreatedAt: createdAt, Anonymous }): LeftVolume[] => {
      const deployment = Labels[key] ?? null;
      const isLeft = deployment === null ? Anonymous : !deployments.includes(deployment);
      return isLeft ? [{ name, deployment, createdAt }] : [];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function withSizes(left: readonly LeftVolume[], podman: Podman, { signal, warn }: Surroundings): Promise<readonly MeasuredVolume[]> {
  if (left.length === 0) return [];
  const sizes = await podman.volumeSizes(signal).catch((error: unknown) => {
    warn(`iot-agent: the sizes are not known: ${error instanceof Error ? error.message : String(error)}\n`);
    return new Map<string, number>();
  });
  return left.map((volume) => ({ ...volume, sizeBytes: sizes.get(volume.name) ?? null }));
}

/** Pure. */
export function renderVolumes(found: readonly MeasuredVolume[], nowMs: number): string {
  if (found.length === 0) return "No deployment that is gone has left a volume.\n";
  const rows = found.map(({ name, deployment, sizeBytes, createdAt }) => {
    const ageMs = nowMs - Date.parse(createdAt);
    return [name, deployment ?? "- (of an image)", shownSize(sizeBytes), Number.isNaN(ageMs) ? "-" : shownAge(Math.max(0, ageMs / 1_000))];
  });
  return [
    ...renderTable(["VOLUME", "OF DEPLOYMENT", "SIZE", "AGE"], rows),
    "",
    "`iot-agent podman volume rm NAME` removes one with all that is in it. A deployment that gets its old name again has its volumes again.",
    "",
  ].join("\n");
}

function shownSize(bytes: number | null): string {
  if (bytes === null) return "-";
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${Math.round(bytes / 1_000_000)} MB`;
}
