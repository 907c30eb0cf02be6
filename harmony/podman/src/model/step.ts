// The steps that a plan may consist of. Each contains all that its execution needs (execute.ts),
// and names its service for the report.

import type { ContainerSpec } from "./container-spec.ts";
import type { Repair } from "./image-facts.ts";
import type { UnusedImage } from "./image-facts.ts";
import type { InputFile } from "./inputs.ts";
import type { SwapRecord } from "./swap-record.ts";

interface Arguments {
  readonly pull: { readonly service: string; readonly image: string; readonly reference: string; readonly policy: "missing" | "newer" };
  readonly createNetwork: { readonly network: string; readonly labels: Readonly<Record<string, string>> };
  readonly createVolume: { readonly volume: string; readonly labels: Readonly<Record<string, string>> };
  readonly create: {
    readonly service: string;
    readonly container: string;
    readonly image: string;
    readonly spec: ContainerSpec;
    readonly labels: Readonly<Record<string, string>>;
  };
  /**
   * `patienceMs`: how long the container that was just stopped may still hold its ports. `trial`:
   * the record that a failure is to be written into, for a version with a way back. The planner
   * does that (answer-failure.ts), and the next plan goes back.
   */
  readonly start: {
    readonly service: string;
    readonly container: string;
    readonly patienceMs: number;
    readonly trial: { readonly deployment: string; readonly record: SwapRecord } | null;
  };
  /**
   * Starts the container that ran before, while its replacement is fetched. Its failure holds up
   * nothing: the replacement may repair it.
   */
  readonly revive: { readonly service: string; readonly container: string };
  readonly unpause: { readonly service: string; readonly container: string };
  readonly stop: { readonly service: string; readonly container: string; readonly timeoutSeconds: number };
  readonly rename: { readonly service: string; readonly container: string; readonly to: string };
  readonly remove: { readonly service: string; readonly container: string };
  /** Repairs damage that Podman reported; see damage.ts. */
  readonly repairImage: {
    readonly repair: Repair;
    readonly service: string;
    readonly deployment: string;
    /** The containers made from the image that are down. */
    readonly containers: readonly string[];
    readonly image: string;
    readonly reference: string;
    readonly detail: string;
  };
  /** Reads an image that a container could not execute. */
  readonly verifyImage: {
    readonly service: string;
    readonly deployment: string;
    readonly container: string;
    readonly image: string;
    readonly imageId: string;
  };
  /** Removes images that nothing refers to. `need`: the purpose, e.g. `image "nginx:alpine"`. */
  readonly pruneImages: { readonly images: readonly UnusedImage[]; readonly need: string };
  readonly removeNetwork: { readonly network: string };
  /**
   * `secret` is Podman's name of it. `name` is the name of the file with its value, and `digest` is
   * the digest of that file.
   */
  readonly createSecret: {
    readonly service: string;
    readonly secret: string;
    readonly name: string;
    readonly digest: string;
  };
  readonly removeSecret: { readonly secret: string };
  /** Puts aside the unreadable part of Podman's store of secrets; `detail` describes it. */
  readonly repairSecretStore: { readonly folder: string; readonly detail: string };
  readonly writeMounts: { readonly service: string; readonly folder: string; readonly files: readonly InputFile[] };
  readonly removeMounts: { readonly folder: string };
  /**
   * On disk before the next step; a record of null forgets the deployment. `why` is for the person
   * who reads the plan.
   */
  readonly journal: { readonly deployment: string; readonly record: SwapRecord | null; readonly why: JournalEntry };
  readonly recordStart: { readonly deployment: string; readonly containers: readonly string[] };
  /**
   * Remembers the damage that Podman found; the next plan repairs it. `of`: one service, or all
   * that need an image.
   */
  readonly noteDamage: {
    readonly of: { readonly deployment: string; readonly service: string } | { readonly reference: string };
    readonly where: "container" | "image";
    readonly container: string;
    readonly detail: string;
    /** The repair that met the damage, and so has not helped. */
    readonly after: Repair | null;
  };
  /**
   * Remembers that a container of the deployment has met a full disk, if there are images to prune
   * before the next try.
   */
  readonly noteFullDisk: { readonly deployment: string };
  /** Releases the disk space that the journal keeps, if there is any. */
  readonly releaseReserve: object;
}

export type JournalEntry =
  | "a new version is on trial"
  | "the old version serves meanwhile"
  | "the device went down while the new version was tried"
  | "the new version has failed"
  | "the new version could not be started"
  | "the version is good"
  | "a service keeps ending"
  | "a service has recovered"
  | "what a person has stopped"
  | "its network has ended"
  | "a device of it is back"
  | "its health check does not answer"
  | "a person holds it"
  | "what was stopped for a while runs again"
  | "it is removed"
  | "whose its volumes are"
  | "it waits for a container that is at work"
  | "nothing waits for a container at work any more"
  | "it is ready to exchange its ports"
  | "something keeps it from exchanging its ports"
  | "it has proved itself, and waits for those with which it exchanged ports"
  | "the exchange of ports is over";

export type StepKind = keyof Arguments;
export type Step = { [Kind in StepKind]: { readonly kind: Kind } & Arguments[Kind] }[StepKind];

const INPUT_KINDS = ["createSecret", "removeSecret", "repairSecretStore", "writeMounts", "removeMounts"] as const;

/** The steps that execute-inputs.ts carries out. */
export type InputStep = Extract<Step, { kind: (typeof INPUT_KINDS)[number] }>;

export function isInputStep(step: Step): step is InputStep {
  return INPUT_KINDS.some((kind) => kind === step.kind);
}
