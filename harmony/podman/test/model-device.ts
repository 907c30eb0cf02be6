// A model of a device with several deployments, for the tests of ports that change hands: what each
// has recorded is its own, and the containers are seen by all. Each is reconciled by itself, as
// workers do, and any of them may be cut short.

import type { Desired } from "@harmony/core";
import { answerFailure } from "../src/plan/answer-failure.ts";
import { plan } from "../src/plan/planner.ts";
import type { PodmanPlan } from "../src/model/plan.ts";
import type { Container, Snapshot } from "../src/model/snapshot.ts";
import type { Step } from "../src/model/step.ts";
import { applyStep, fateOf, type Fates, pass, powerCut } from "./model-world.ts";
import type { PodmanV0 } from "../src/score/podman-v0-schema.ts";
import { inWords } from "./scene.ts";

export interface Deployed {
  readonly desired: Desired<PodmanV0>;
  /** What is its own: the record, the start list, networks and volumes. */
  readonly own: Snapshot;
  readonly trouble: string | null;
}

/** After how many steps the agent is killed, and whether the power goes too. */
export interface Cut {
  readonly steps: number;
  readonly powerCut: boolean;
}

export class ModelDevice {
  readonly trail: string[] = [];
  fates: Fates;
  /** Asked after each step. */
  readonly onStep: (device: ModelDevice) => void;
  containers: readonly Container[];
  stepsDone = 0;
  #deployed: Map<string, Deployed>;
  #cut: Cut | null = null;

  constructor(deployed: readonly Omit<Deployed, "trouble">[], options: { fates?: Fates; onStep?: (device: ModelDevice) => void } = {}) {
    this.#deployed = new Map(deployed.map((one) => [one.desired.name, { ...one, trouble: null }]));
    this.containers = deployed.flatMap(({ own }) => own.containers);
    this.fates = options.fates ?? {};
    this.onStep = options.onStep ?? (() => undefined);
  }

  get names(): readonly string[] {
    return [...this.#deployed.keys()];
  }

  of(name: string): Deployed {
    const found = this.#deployed.get(name);
    if (found === undefined) throw new Error(`no deployment "${name}"`);
    return found;
  }

  push(desired: Desired<PodmanV0>): void {
    this.#deployed.set(desired.name, { ...this.of(desired.name), desired });
  }

  seen(name: string): Snapshot {
    const neighbours = [...this.#deployed.values()].filter(({ desired }) => desired.name !== name);
    return {
      ...this.of(name).own,
      containers: this.containers,
      neighbours: neighbours.map(({ desired, own, trouble }) => ({ desired, record: own.record, trouble })),
    };
  }

  plan(name: string): PodmanPlan {
    return plan(this.of(name).desired, this.seen(name));
  }

  cutAfter(cut: Cut): void {
    this.#cut = { ...cut, steps: this.stepsDone + cut.steps };
  }

  /** One pass of one deployment; whether it did something, or was cut short. */
  pass(name: string): boolean {
    const { steps, blocked } = this.plan(name);
    const other = blocked.find(({ reason }) => reason !== "PortInUse");
    this.#reported(name, other?.message ?? null);
    const isFruitless = steps[0]?.kind === "pull" && this.fates[steps[0].image] === "cannot be pulled";
    for (const step of steps) {
      if (this.#isCut()) return true;
      if (!this.#take(name, step)) break;
      this.stepsDone += 1;
      this.onStep(this);
    }
    return steps.length > 0 && !isFruitless;
  }

  /** Each in turn, and time goes by, until none has anything to do. */
  settle(maxRounds = 60): void {
    for (let round = 0; round < maxRounds; round += 1) {
      const isBusy = this.names.map((name) => this.pass(name)).some(Boolean);
      if (!isBusy) return;
      this.goBy();
    }
    throw new Error(`no end after ${maxRounds} rounds: ${this.trail.slice(-60).join("; ")}`);
  }

  /** Each in turn until none has anything to do, in no time. */
  rest(maxRounds = 40): void {
    for (let round = 0; round < maxRounds; round += 1) if (!this.names.map((name) => this.pass(name)).some(Boolean)) return;
    throw new Error(`no rest after ${maxRounds} rounds: ${this.trail.slice(-60).join("; ")}`);
  }

  /** The programs of these containers are at work, and no others. */
  work(names: readonly string[]): void {
    this.containers = this.containers.map((one) => ({ ...one, isAtWork: one.state === "running" && names.includes(one.name) }));
  }

  goBy(): void {
    const [first] = this.names;
    if (first === undefined) return;
    const { containers, nowMs } = pass(this.seen(first), this.fates);
    this.#all((own) => ({ ...own, nowMs }));
    this.containers = containers;
  }

  powerCut(): void {
    const [first] = this.names;
    if (first === undefined) return;
    const { containers, device } = powerCut(this.seen(first));
    this.#all((own) => ({ ...own, device }));
    this.containers = containers;
  }

  #isCut(): boolean {
    const cut = this.#cut;
    if (cut === null || this.stepsDone < cut.steps) return false;
    this.#cut = null;
    this.trail.push(cut.powerCut ? "--- the power goes" : "--- the agent is killed");
    if (cut.powerCut) this.powerCut();
    return true;
  }

  /** Whether the pass goes on. */
  #take(name: string, step: Step): boolean {
    this.trail.push(`${name}: ${inWords(step)}`);
    if (step.kind === "pull" && this.fates[step.image] === "cannot be pulled") {
      this.#reported(name, `image "${step.image}" does not exist`);
      return false;
    }
    const fate = step.kind === "start" ? fateOf(this.seen(name), step.container, this.fates) : "stays up";
    if (step.kind === "start" && (fate === "cannot be started" || fate === "finds its port taken")) {
      const why = { subject: step.service, message: "", detail: "no" };
      const outcome =
        fate === "cannot be started"
          ? ({ kind: "failed", reason: "StartFailed", code: "failed", ...why } as const)
          : ({ kind: "blocked", reason: "PortInUse", code: "port-in-use", ...why } as const);
      for (const answer of answerFailure({ step, outcome, nowMs: this.seen(name).nowMs })) this.#apply(name, answer);
      return false;
    }
    this.#apply(name, step);
    return true;
  }

  #apply(name: string, step: Step): void {
    const { containers, neighbours: _, ...own } = applyStep(this.seen(name), step);
    this.containers = containers;
    this.#deployed.set(name, { ...this.of(name), own: { ...own, containers: [], neighbours: [] } });
  }

  #reported(name: string, trouble: string | null): void {
    this.#deployed.set(name, { ...this.of(name), trouble });
  }

  #all(change: (own: Snapshot) => Snapshot): void {
    for (const [name, one] of this.#deployed) this.#deployed.set(name, { ...one, own: change(one.own) });
  }
}
