// A Score is a typed document of what should be; an Interpret makes it so on a Topology. Variants
// are values: an application binds the ones it serves to its Topology in one place, and everything
// behind that place sees only BoundVariant, so that a new variant touches no transport, operator or
// status code.

import type { Commands, Logs } from "./abilities.ts";
import { formatIssues, type Issue } from "./issue.ts";
import type { Blocked, StageReport } from "./plan.ts";
import type { WorkloadReport } from "./report.ts";
import type { ReconcileOptions } from "./reconcile.ts";
import type { Topology } from "./topology.ts";

/** Adjacently tagged, as it crosses every wire: `{"type":"PodmanV0","data":{…}}`. */
export interface ScoreDocument {
  readonly type: string;
  readonly data: unknown;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: readonly Issue[] };

/** A person's wish that a workload be down for a while, e.g. to use its serial port. */
export interface Hold {
  readonly reason: string;
  /** RFC 3339. The part that set the hold ends it then: a variant only reports it. */
  readonly until: string;
}

/**
 * A Score on its way to a Topology.
 *
 * @example
 * const desired: Desired<FileV0> = {
 *   name: "greeting",
 *   revision: "7",
 *   scoreString: '{"type":"FileV0","data":{"content":"hello"}}',
 *   data: { content: "hello" },
 *   hold: null,
 * };
 */
export interface Desired<Data> {
  /** The deployment's name: a DNS label, unique on the Topology. */
  readonly name: string;
  /** A person may quote it to say which version this is; opaque. */
  readonly revision: string;
  /**
   * The canonical Score string. Two are the same Score if and only if they are equal as strings.
   */
  readonly scoreString: string;
  /** null: the workload is to be removed. */
  readonly data: Data | null;
  /**
   * Whose workload it is, in words that a person knows. What outlives a workload, such as its
   * volumes, is never given to one of the same name and another owner. Absent: it is not known, and
   * then the name alone counts.
   */
  readonly owner?: string;
  /** While set, everything of the workload is stopped and stays so; its phase is `Held`. */
  readonly hold: Hold | null;
}

/**
 * Why a workload is as it is, and what would be done about it now: sentences of the variant, for a
 * person.
 */
export interface Explanation {
  readonly report: WorkloadReport;
  readonly observed: readonly string[];
  readonly planned: readonly string[];
  readonly blocked: readonly Blocked[];
  /** Says which stage of the planner acted, which stood back and why; absent: it has none. */
  readonly stages?: readonly StageReport[];
}

/**
 * A workload of a variant on a Topology, read from the Topology alone: an agent with no memory
 * knows what runs.
 */
export interface Workload {
  readonly name: string;
  readonly revision: string;
  readonly scoreString: string;
}

/**
 * `reason` is a word for machines, `message` one sentence for a person: what is refused and what
 * would allow it.
 */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/**
 * A variant on one Topology: makes a Score so, and says why it is as it is. A Score that is applied
 * once needs no more, e.g. a host that is made ready over SSH.
 *
 * @example
 * interpret: ({ capabilities: { folder } }) => ({
 *   reconcile: (desired, options) => reconcile(reconcilerOf(folder), desired, options),
 *   explain: async (desired, signal) => explain(desired, await observe(folder, desired, signal)),
 * }),
 */
export interface Interpret<Data, Report extends WorkloadReport = WorkloadReport> {
  reconcile(desired: Desired<Data>, options: ReconcileOptions<Report>): Promise<Report>;
  /** Observes and plans, and applies nothing. */
  explain(desired: Desired<Data>, signal: AbortSignal): Promise<Explanation>;
}

/**
 * The further needs of an agent that lives beside its workloads. An ability that some variants have
 * and others lack (logs, a command in a container) is an interface of its own (abilities.ts), and a
 * variant that has it implements both.
 */
export interface ResidentInterpret<Data> extends Interpret<Data>, Partial<Logs>, Partial<Commands> {
  /**
   * Called at the start, before all else, with the workloads that should be here. Each is
   * reconciled in its turn. Before that the variant does not know the needs of a workload, and
   * removes nothing that it may share.
   */
  expect?(names: readonly string[]): void;
  workloads(signal: AbortSignal): Promise<readonly Workload[]>;
  /**
   * Calls back with a workload's name whenever it may have changed, until aborted. A call is only a
   * hint, and some are missed. Never throws.
   */
  watch(onChange: (name: string) => void, signal: AbortSignal): Promise<void>;
  /**
   * Why this Topology, by its own policy, refuses a Score that parses: the reason and sentence of a
   * `Rejected`. Null: it accepts it.
   */
  refuse?(data: Data): Refusal | null;
  /**
   * Forgets what keeps a Score of this workload from being tried now: an earlier failure, and any
   * back-off. A reconcile has to follow.
   */
  retry(name: string, signal: AbortSignal): Promise<void>;
  /**
   * What waits until a program has ended its work waits no longer. A reconcile has to follow.
   * Absent: nothing of this variant waits so.
   */
  switchNow?(name: string): void;
}

/**
 * One kind of Score: its discriminator, its border, and what it needs of a Topology.
 *
 * @example
 * export const fileV0: ScoreVariant<{ folder: string }, FileV0> = {
 *   type: "FileV0",
 *   parse: (data) => parse(FileV0, data),
 *   interpret: ({ capabilities: { folder } }) => interpretFiles(folder),
 * };
 */
export interface ScoreVariant<Needs extends object, Data, Interpreted extends Interpret<Data> = Interpret<Data>> {
  readonly type: string;
  parse(data: unknown): Parsed<Data>;
  interpret(topology: Topology<Needs>): Interpreted;
}

/** The reasons that this package gives itself. */
export const CORE_REASONS = ["InvalidScore"] as const;
type Reason = (typeof CORE_REASONS)[number];

/** A variant that an agent can keep. */
export type ResidentVariant<Needs extends object, Data> = ScoreVariant<Needs, Data, ResidentInterpret<Data>>;

/** A variant whose Topology is settled; an agent keeps a list of these. */
export interface BoundVariant extends Partial<Logs>, Partial<Commands> {
  readonly type: string;
  /**
   * The `Rejected` report that `reconcile` would give for a Score that does not parse, or that is
   * refused here; null: neither.
   */
  check(data: unknown): WorkloadReport | null;
  expect(names: readonly string[]): void;
  /**
   * Parses and reconciles. A Score that does not parse, or is refused here, gives a `Rejected`
   * report and touches nothing. `data: null` removes.
   */
  reconcile(desired: Desired<unknown>, options: ReconcileOptions<WorkloadReport>): Promise<WorkloadReport>;
  workloads(signal: AbortSignal): Promise<readonly Workload[]>;
  watch(onChange: (name: string) => void, signal: AbortSignal): Promise<void>;
  retry(name: string, signal: AbortSignal): Promise<void>;
  switchNow(name: string): void;
  /** A Score that does not parse or is refused has the `Rejected` report alone. */
  explain(desired: Desired<unknown>, signal: AbortSignal): Promise<Explanation>;
}

type Read<Data> = { readonly ok: true; readonly data: Data } | { readonly ok: false; readonly report: WorkloadReport };

/**
 * Does not compile unless the Topology offers what the variant needs; the variant alone says what
 * that is (hence NoInfer).
 *
 * @example
 * const variants: readonly BoundVariant[] = [bind(podmanV0, device), bind(fileV0, device)];
 */
export function bind<Needs extends object, Data>(variant: ResidentVariant<Needs, Data>, topology: Topology<NoInfer<Needs>>): BoundVariant {
  const interpret = variant.interpret(topology);
  const parse = (data: unknown): Read<Data> => {
    const parsed = variant.parse(data);
    if (!parsed.ok)
      return {
        ok: false,
        report: rejected({ reason: "InvalidScore" satisfies Reason, message: `${formatIssues(parsed.issues)}; correct the deployment` }),
      };
    const refusal = interpret.refuse?.(parsed.value) ?? null;
    return refusal === null ? { ok: true, data: parsed.value } : { ok: false, report: rejected(refusal) };
  };
  /**
   * A document is parsed once, however often it is reconciled: nobody changes one that was handed
   * in.
   */
  const reads = new WeakMap<object, Read<Data>>();
  const read = (data: unknown): Read<Data> => {
    if (typeof data !== "object" || data === null) return parse(data);
    const result = reads.get(data) ?? parse(data);
    reads.set(data, result);
    return result;
  };
  return {
    type: variant.type,
    ...(interpret.logs === undefined ? {} : { logs: interpret.logs }),
    ...(interpret.run === undefined ? {} : { run: interpret.run }),
    check: (data) => {
      const result = read(data);
      return result.ok ? null : result.report;
    },
    expect: (names) => interpret.expect?.(names),
    workloads: (signal) => interpret.workloads(signal),
    watch: (onChange, signal) => interpret.watch(onChange, signal),
    retry: (name, signal) => interpret.retry(name, signal),
    switchNow: (name) => interpret.switchNow?.(name),
    async explain(desired, signal) {
      if (desired.data === null) return interpret.explain({ ...desired, data: null }, signal);
      const result = read(desired.data);
      if (result.ok) return interpret.explain({ ...desired, data: result.data }, signal);
      return { report: result.report, observed: [], planned: [], blocked: [] };
    },
    async reconcile(desired, options) {
      if (desired.data === null) return interpret.reconcile({ ...desired, data: null }, options);
      const result = read(desired.data);
      if (result.ok) return interpret.reconcile({ ...desired, data: result.data }, options);
      options.onReport?.(result.report);
      return result.report;
    },
  };
}

function rejected({ reason, message }: Refusal): WorkloadReport {
  return { phase: "Rejected", reason, message, runningRevision: null, services: [], recheckAfterMs: null, settled: true };
}
