// Images on this device, from the pull to the removal: fetched so that they outlive a power cut, made again where damage was found, and
// what the planner has to know of them (image-care.ts). An image counts as there when it was flushed; Podman itself does not flush. What is
// remembered between passes lies in the ledger (on disk) and here (in memory).

import type { Desired, Outcome } from "@harmony/core";
import { type Clock, errorText } from "@harmony/runtime";
import { BusyRegistries } from "./busy-registries.ts";
import { DamageRecord } from "./damage.ts";
import type { DiskSpace } from "../device/disk-space.ts";
import type { ImageCare, Room } from "../model/image-facts.ts";
import { megabytes } from "../model/units.ts";
import type { ImageLedger } from "./image-ledger.ts";
import { imageReference } from "../model/names.ts";
import { PodmanError } from "../libpod/podman-error.ts";
import type { Podman } from "../libpod/podman.ts";
import type { PodmanV0 } from "../score/podman-v0-schema.ts";
import { type PullSize, pullProgress } from "./pull-progress.ts";
import type { Snapshot } from "../model/snapshot.ts";
import type { Step } from "../model/step.ts";
import { StorageError } from "../store/stored-file.ts";

/** So much stays free for what the services write. */
const RESERVE_BYTES = 200_000_000;
/** A layer is fetched whole, then unpacked to about twice its size. */
const UNPACKED = 3;
/** After what filled the disk, so much more has to be free than it left. */
const AFTER_FULL_BYTES = 64_000_000;

export interface ImageStoreOptions {
  readonly podman: Podman;
  readonly disk: DiskSpace;
  readonly ledger: ImageLedger;
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
}

interface Wanted {
  readonly deployment: string;
  readonly service: string;
  readonly reference: string;
}

type StepOf<Kind extends Step["kind"]> = Extract<Step, { kind: Kind }>;

export class ImageStore {
  readonly damage: DamageRecord;
  readonly #options: ImageStoreOptions;
  readonly #notes = new Map<string, string>();
  readonly #verified = new Set<string>();
  /** By reference, of pulls that found too little room. */
  readonly #neededBytes = new Map<string, number>();
  /** Deployments of which a container met a full disk, and there were images to remove. */
  readonly #full = new Set<string>();
  /** Deployments that are to be here and were not looked at yet: an image may be theirs. */
  #awaited = new Set<string>();
  /** By deployment, the services of its Score with the references of their images. */
  readonly #wanted = new Map<string, readonly Wanted[]>();
  /** References of which an image was found damaged: another pull may have found its layers here. */
  readonly #suspected = new Set<string>();
  readonly #busy: BusyRegistries;
  #unflushed: string | null = null;

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.damage = new DamageRecord(options.clock.monotonicMs);
    this.#busy = new BusyRegistries(options.clock.monotonicMs);
  }

  /** Of the deployments that are to be here; each is looked at in its turn. */
  expect(deployments: readonly string[]): void {
    this.#awaited = new Set(deployments);
  }

  /** Those of the Score that count as there; null: it is not. */
  async images(desired: Desired<PodmanV0>, signal: AbortSignal): Promise<Snapshot["images"]> {
    const services = desired.data?.services ?? [];
    const wanted = services.map(({ name, image }) => ({ deployment: desired.name, service: name, reference: imageReference(image) }));
    if (desired.data === null) this.#wanted.delete(desired.name);
    else this.#wanted.set(desired.name, wanted);
    this.#awaited.delete(desired.name);
    const entries = [...new Set(wanted.map(({ reference }) => reference))].map(async (reference) => {
      // Of a pull that the power cut, layers may be there in part: it is not there before it was looked at.
      if ((await this.#options.ledger.pullState(reference)) === "cut") return [reference, null] as const;
      try {
        const image = await this.#options.podman.inspectImage(reference, signal);
        return [reference, image === null ? null : { id: image.Id, digest: image.Digest }] as const;
      } catch (error) {
        if (!(error instanceof PodmanError) || error.code !== "damaged") throw error;
        for (const one of wanted) if (one.reference === reference) this.damage.found(one, "image", { container: "", detail: error.detail });
        return [reference, null] as const;
      }
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  async care(desired: Desired<PodmanV0>, images: Snapshot["images"], signal: AbortSignal): Promise<ImageCare> {
    const services = desired.data?.services ?? [];
    const missing = Object.keys(images).filter((reference) => images[reference] === null && !reference.startsWith("localhost/"));
    const room = missing.length === 0 ? {} : await this.#room(missing, signal);
    const isShort = Object.values(room).some(({ freeBytes, neededBytes }) => freeBytes < neededBytes);
    const notes = Object.keys(images).flatMap((reference) => {
      const note = this.#notes.get(reference);
      return note === undefined ? [] : [`image ${reference}: ${note}`];
    });
    return {
      incidents: this.damage.of(
        desired.name,
        services.map(({ name }) => name),
      ),
      notes: this.#unflushed === null ? notes : [...notes, this.#unflushed],
      verified: [...this.#verified],
      room,
      shortBytes: this.#full.has(desired.name) ? AFTER_FULL_BYTES : 0,
      unused: isShort || this.#full.has(desired.name) ? await this.#unused(signal) : [],
    };
  }

  async pull(step: StepOf<"pull">, signal: AbortSignal, progress: (text: string) => void): Promise<Outcome> {
    const { podman, ledger, clock } = this.#options;
    const { reference, policy } = step;
    const state = await ledger.pullState(reference);
    let before = await podman.inspectImage(reference, signal);
    if (before !== null && state === "cut") {
      progress("looking whether it is whole");
      if (!(await this.#isWhole(reference, signal))) {
        await podman.removeImage(reference, signal);
        before = null;
      }
    }
    let outcome: Outcome = { kind: "changed" };
    if (before === null || policy === "newer") {
      await ledger.pullBegins(reference);
      try {
        await this.#fetch(step, signal, progress);
        this.#notes.delete(reference);
        // What the cut left of its layers was taken for whole.
        if (state === "cut" && before === null && !(await this.#isWhole(reference, signal))) {
          await podman.removeImage(reference, signal);
          await this.#fetch(step, signal, progress);
        }
      } catch (error) {
        if (before === null || !(error instanceof PodmanError) || error.code === "unreachable") throw error;
        this.#notes.set(reference, `whether there is a newer one could not be found out (${error.detail}), so the image in hand is used`);
        outcome = { kind: "unchanged" };
      }
    }
    await this.flush(signal);
    const after = await podman.inspectImage(reference, signal);
    if (after === null) throw new PodmanError(`failed to pull image "${reference}": it is not there afterwards`, { code: "bad-answer" });
    const isOurs = after.Id !== before?.Id || state !== "none";
    if (!this.#suspected.has(reference)) this.#verified.add(after.Id);
    // Without it the image is read as a whole after the next boot.
    if (this.#unflushed === null) await ledger.pullEnds(reference, isOurs ? after.Id : null, clock.now());
    return outcome;
  }

  /** All that was written to Podman's storage is on the disk when it returns. */
  async flush(signal: AbortSignal): Promise<void> {
    const root = await this.#options.podman.graphRoot(signal);
    try {
      await this.#options.disk.flush(root, signal);
      this.#unflushed = null;
    } catch (error) {
      signal.throwIfAborted();
      // Better to run than to wait for a disk that tells nothing.
      this.#unflushed = `what is written to ${root} cannot be flushed to the disk, and may be damaged by a power cut: ${errorText(error)}`;
    }
  }

  /** What was removed is fetched and made by the steps that follow, as if it had never been there. */
  async mend(step: StepOf<"mend">, signal: AbortSignal): Promise<Outcome> {
    const { podman } = this.#options;
    const { reference, containers, cure } = step;
    if (cure !== "recreate") {
      const why = (await this.#inUse(step, signal)) ?? (await this.#unobtainable(step, signal));
      if (why !== null) return { kind: "blocked", subject: step.service, reason: "ImageDamaged", message: why };
    }
    for (const container of containers) await podman.removeContainer(container, signal);
    if (cure !== "recreate") await podman.removeImage(reference, signal);
    if (cure === "clear") for (const { id } of await this.#unused(signal)) await this.#removeUnused(id, signal);
    if (cure === "repair") await this.#repair(signal);
    // Of an image, for all that are made of it: none of their containers was left.
    for (const one of cure === "recreate" ? [step] : this.#wantedOf(reference)) this.damage.done(one, cure);
    this.#verified.clear();
    this.#suspected.add(reference);
    return { kind: "changed" };
  }

  foundDamaged(step: Step, detail: string): void {
    if (step.kind === "pull") {
      // A layer of a pull that the power cut: recorded as whole, of no image yet, and taken for fetched by every pull after.
      for (const one of this.#wantedOf(step.reference)) this.damage.found(one, "image", { container: "", detail });
      return;
    }
    if (step.kind === "mend") {
      // It has not helped: the next cure's turn.
      this.damage.done(step, step.cure);
      this.damage.found(step, "image", { container: step.containers[0] ?? "", detail });
      return;
    }
    if (step.kind !== "create" && step.kind !== "start" && step.kind !== "revive") return;
    // Of a container that is kept to go back to, nobody could make another.
    if (step.container.endsWith(".old")) return;
    this.damage.found({ deployment: deploymentOf(step), service: step.service }, step.kind === "create" ? "image" : "container", {
      container: step.container,
      detail,
    });
  }

  async verify(step: StepOf<"verifyImage">, signal: AbortSignal): Promise<Outcome> {
    const { container, image, imageId } = step;
    try {
      await this.#options.podman.verifyImage(imageId, signal);
      this.#suspected.delete(imageReference(image));
    } catch (error) {
      if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
      // Of anything else nothing is learned, and the container's own words stand.
      if (error.code === "damaged") this.damage.found(step, "image", { container, detail: error.detail });
    }
    this.#verified.add(imageId);
    return { kind: "changed" };
  }

  /** Whether there are images to remove before the container is tried again, which the next plan does. */
  async foundFull(step: Step, signal: AbortSignal): Promise<boolean> {
    if (step.kind !== "create" && step.kind !== "start") return false;
    try {
      if ((await this.#unused(signal)).length === 0) return false;
    } catch (error) {
      // That the disk is full is what a person is to hear.
      if (!(error instanceof PodmanError || error instanceof StorageError)) throw error;
      return false;
    }
    this.#full.add(deploymentOf(step));
    return true;
  }

  async makeRoom({ images }: StepOf<"makeRoom">, signal: AbortSignal): Promise<Outcome> {
    // Also if none can be removed: what was planned is tried then, and who finds the disk full again says so again.
    this.#full.clear();
    for (const { id } of images) {
      await this.#removeUnused(id, signal);
      // Not looked at again, even if it is in use.
      await this.#options.ledger.forget(id);
    }
    return { kind: "changed" };
  }

  /** Ends a pull that would fill the disk as soon as Podman tells how large its layers are. */
  async #fetch({ reference, policy }: StepOf<"pull">, signal: AbortSignal, progress: (text: string) => void): Promise<void> {
    const freeBytes = await this.#freeBytes(signal);
    const tooLarge = new AbortController();
    const onSize = ({ totalBytes }: PullSize): void => {
      const neededBytes = UNPACKED * totalBytes + RESERVE_BYTES / 4;
      if (neededBytes <= freeBytes) return;
      this.#neededBytes.set(reference, neededBytes);
      tooLarge.abort();
    };
    try {
      const either = AbortSignal.any([signal, tooLarge.signal]);
      await this.#ask(reference, policy === "newer" ? "always" : policy, either, pullProgress(progress, onSize));
      this.#neededBytes.delete(reference);
    } catch (error) {
      signal.throwIfAborted();
      const detail = `${megabytes(freeBytes)} free`;
      if (tooLarge.signal.aborted) throw new PodmanError(`failed to pull image "${reference}"`, { code: "disk-full", detail });
      if (error instanceof PodmanError && error.code === "disk-full")
        this.#neededBytes.set(reference, (await this.#freeBytes(signal)) + AFTER_FULL_BYTES);
      throw error;
    }
  }

  /** A registry that has been asked too often is left alone for a while. */
  readonly #ask: Podman["pullImage"] = async (reference, policy, signal, onLine) => {
    const registry = reference.split("/")[0] ?? "";
    const detail = this.#busy.of(registry);
    if (detail !== null) throw new PodmanError(`failed to pull image "${reference}"`, { code: "registry-busy", detail });
    try {
      await this.#options.podman.pullImage(reference, policy, signal, onLine);
    } catch (error) {
      if (error instanceof PodmanError && error.code === "registry-busy") this.#busy.found(registry, error.detail);
      throw error;
    }
  };

  /** A person asks: what was tried, and who was asked, may be again. */
  retry(deployment: string): void {
    this.damage.forget(deployment);
    this.#busy.forget();
  }

  /** Why the image should not be removed, in a sentence: what is damaged may still be better than nothing. null: the registry has it. */
  async #unobtainable({ image, reference, detail }: StepOf<"mend">, signal: AbortSignal): Promise<string | null> {
    try {
      await this.#ask(reference, "always", signal, () => undefined);
    } catch (error) {
      if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
      if (error.code !== "damaged")
        return `image "${image}" is damaged on this device (${detail}), and it cannot be fetched again (${error.detail}): that is tried again; check the registry and the device's network`;
    }
    return null;
  }

  /** Why the image cannot be removed, in a sentence: a container of it that this cure does not remove, since it may serve well all the same. */
  async #inUse({ image, reference, deployment, containers, detail }: StepOf<"mend">, signal: AbortSignal): Promise<string | null> {
    const made = await this.#options.podman.containersOf(reference, signal);
    const other = made.flatMap(({ Names }) => Names).find((name) => !containers.includes(name));
    return other === undefined
      ? null
      : `image "${image}" is damaged on this device (${detail}), and cannot be fetched again while container "${other}" is made of it too: \`iot-agent podman rm --force ${other}\`, then \`iot-agent retry ${deployment}\``;
  }

  #wantedOf(reference: string): readonly Wanted[] {
    return [...this.#wanted.values()].flat().filter((one) => one.reference === reference);
  }

  /** It fails where a container needs what it would remove, and knows no more than that; the next try to start tells. */
  async #repair(signal: AbortSignal): Promise<void> {
    try {
      await this.#options.podman.repairStorage(signal);
    } catch (error) {
      if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
    }
  }

  async #removeUnused(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.podman.removeImage(id, signal);
    } catch (error) {
      // Taken into use since it was listed.
      if (!(error instanceof PodmanError) || error.code !== "conflict") throw error;
    }
  }

  async #isWhole(reference: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#options.podman.verifyImage(reference, signal);
      return true;
    } catch (error) {
      if (!(error instanceof PodmanError) || error.code === "unreachable") throw error;
      return false;
    }
  }

  async #room(references: readonly string[], signal: AbortSignal): Promise<Record<string, Room>> {
    const freeBytes = await this.#freeBytes(signal);
    return Object.fromEntries(
      references.map((reference) => [
        reference,
        { freeBytes, neededBytes: Math.max(RESERVE_BYTES, this.#neededBytes.get(reference) ?? 0) },
      ]),
    );
  }

  /** Where the file system does not tell, it is tried: Podman says when it is full. */
  async #freeBytes(signal: AbortSignal): Promise<number> {
    const root = await this.#options.podman.graphRoot(signal);
    try {
      return await this.#options.disk.freeBytes(root, signal);
    } catch {
      signal.throwIfAborted();
      return Number.POSITIVE_INFINITY;
    }
  }

  async #unused(signal: AbortSignal): Promise<ImageCare["unused"]> {
    if (this.#awaited.size > 0) return [];

    const [listed, pulled] = await Promise.all([this.#options.podman.listImages(signal), this.#options.ledger.pulled()]);
    const wanted = new Set([...this.#wanted.values()].flat().map(({ reference }) => reference));
    return listed
      .filter(({ Containers }) => Containers === 0)
      .flatMap((image) => {
        const ours = pulled[image.Id];
        const isOurs = ours !== undefined && image.RepoTags.every((tag) => ours.references.includes(tag));
        return isOurs && !image.RepoTags.some((tag) => wanted.has(tag)) ? [{ ...image, pulledAtMs: ours.atMs }] : [];
      })
      .toSorted((a, b) => a.pulledAtMs - b.pulledAtMs)
      .map(({ Id: id, RepoTags, Size: sizeBytes }) => ({ id, name: RepoTags[0] ?? id.slice(0, 12), sizeBytes }));
  }
}

function deploymentOf({ container, service }: { readonly container: string; readonly service: string }): string {
  return container.slice(0, container.lastIndexOf(`_${service}`));
}
