import { describe, expect, test } from "vitest";
import { bind } from "./score.ts";
import type { Outcome, Plan } from "./plan.ts";
import { reconcile, type Reconciler } from "./reconcile.ts";
import type { WorkloadReport } from "./report.ts";

interface Report {
  readonly world: number;
  readonly steps: number;
  readonly outcomes: readonly Outcome["kind"][];
  readonly doing: string | null;
}

/** The world is a number, and steps add one to it. */
function counter(options: { readonly outcome?: (step: number) => Outcome; readonly keepsMoving?: boolean } = {}) {
  const { outcome = () => ({ kind: "changed" }), keepsMoving = false } = options;
  const state = { world: 0, observed: 0, applied: [] as number[] };
  const reconciler: Reconciler<number, number, number, Report> = {
    observe: () => {
      state.observed += 1;
      if (keepsMoving) state.world = 0;
      return Promise.resolve(state.world);
    },
    plan: (desired, world): Plan<number> => ({
      steps: Array.from({ length: desired - world }, (_, index) => world + index + 1),
      blocked: [],
      recheckAfterMs: null,
    }),
    apply: (step, _, progress) => {
      progress(`${step} under way`);
      const result = outcome(step);
      if (result.kind === "changed") state.world = step;
      state.applied.push(step);
      return Promise.resolve(result);
    },
    report: ({ snapshot, plan, outcomes, doing }) => ({
      world: snapshot,
      steps: plan.steps.length,
      outcomes: outcomes.map(({ kind }) => kind),
      doing: doing === null ? null : `${doing.step}:${doing.progress}`,
    }),
  };
  return { state, reconciler };
}

const signal = new AbortController().signal;

describe("reconcile", () => {
  test("applies the steps in order, observes again after a change, and ends with an empty plan", async () => {
    const { state, reconciler } = counter();
    const reports: Report[] = [];
    const last = await reconcile(reconciler, 2, { signal, onReport: (report) => reports.push(report) });
    expect(state).toMatchObject({ world: 2, observed: 2, applied: [1, 2] });
    expect(last).toEqual({ world: 2, steps: 0, outcomes: [], doing: null });
    expect(reports.map(({ doing }) => doing)).toEqual(["1:", "1:1 under way", "2:", "2:2 under way", null]);
    expect(reports[2]?.outcomes).toEqual(["changed"]);
  });

  test("looks once at a world that is as it should be", async () => {
    const { state, reconciler } = counter();
    await reconcile(reconciler, 0, { signal });
    expect(state).toMatchObject({ observed: 1, applied: [] });
  });

  test.each(["blocked", "failed", "rejected"] as const)("ends at a step that is %s, and reports it", async (kind) => {
    const trouble: Outcome = { kind, subject: "2", reason: "NotTwo", message: "two cannot be" };
    const { state, reconciler } = counter({ outcome: (step) => (step === 2 ? trouble : { kind: "changed" }) });
    const last = await reconcile(reconciler, 3, { signal });
    expect(state.applied).toEqual([1, 2]);
    expect(last.outcomes).toEqual(["changed", kind]);
  });

  describe("a step that fails with a code is answered by the planner", () => {
    const hot: Outcome = { kind: "failed", subject: "2", reason: "Hot", message: "two is hot", code: "hot" };
    const failsOnce = () => {
      let asked = 0;
      return (step: number): Outcome => {
        if (step !== 2 || asked > 0) return { kind: "changed" };
        asked += 1;
        return hot;
      };
    };

    test("at once, and the rest is planned anew from what is then", async () => {
      const { state, reconciler } = counter({ outcome: failsOnce() });
      const reports: Report[] = [];
      const last = await reconcile({ ...reconciler, answer: (_, __, { outcome }) => (outcome.code === "hot" ? [1] : []) }, 3, {
        signal,
        onReport: (report) => reports.push(report),
      });
      expect(state).toMatchObject({ world: 3, observed: 3, applied: [1, 2, 1, 2, 3] });
      expect(last.outcomes).toEqual([]);
      // The answer's deed is no step of the plan, and is not reported.
      expect(reports.filter(({ doing }) => doing === "1:")).toHaveLength(1);
    });

    test("and stands if there is no answer, or none that changes anything", async () => {
      const unanswered = counter({ outcome: failsOnce() });
      expect((await reconcile({ ...unanswered.reconciler, answer: () => [] }, 3, { signal })).outcomes).toEqual(["changed", "failed"]);
      const useless = counter({ outcome: (step) => (step === 2 ? hot : { kind: step === 9 ? "unchanged" : "changed" }) });
      expect((await reconcile({ ...useless.reconciler, answer: () => [9] }, 3, { signal })).outcomes).toEqual(["changed", "failed"]);
      expect(useless.state.applied).toEqual([1, 2, 9]);
    });

    test("and an answer that fails is the trouble that is reported", async () => {
      const worse: Outcome = { kind: "blocked", subject: "9", reason: "NoNine", message: "there is no nine" };
      const { reconciler } = counter({ outcome: (step) => (step === 2 ? hot : step === 9 ? worse : { kind: "changed" }) });
      expect((await reconcile({ ...reconciler, answer: () => [9] }, 3, { signal })).outcomes).toEqual(["changed", "blocked"]);
    });

    test("and what held nothing up goes on after its answer", async () => {
      const { state, reconciler } = counter({ outcome: (step) => (step === 1 ? { kind: "unchanged", code: "hot" } : { kind: "changed" }) });
      await reconcile({ ...reconciler, answer: () => [9] }, 2, { signal });
      expect(state.applied).toEqual([1, 9, 2]);
    });
  });

  test("steps that change nothing do not make it look for ever", async () => {
    const { state, reconciler } = counter({ outcome: () => ({ kind: "unchanged" }) });
    await reconcile(reconciler, 2, { signal });
    expect(state).toMatchObject({ observed: 1, applied: [1, 2] });
  });

  test("a world that changes under every pass is left for later", async () => {
    const { state, reconciler } = counter({ keepsMoving: true });
    await reconcile(reconciler, 1, { signal });
    expect(state.observed).toBeGreaterThan(1);
    expect(state.observed).toBeLessThan(20);
  });

  test("an abort ends it before the next step", async () => {
    const abort = new AbortController();
    const { state, reconciler } = counter({
      outcome: () => {
        abort.abort(new Error("superseded"));
        return { kind: "changed" };
      },
    });
    await expect(reconcile(reconciler, 3, { signal: abort.signal })).rejects.toThrow("superseded");
    expect(state.applied).toEqual([1]);
  });
});

describe("bind", () => {
  const done: WorkloadReport = {
    phase: "Running",
    reason: "Running",
    message: "",
    runningRevision: "1",
    services: [],
    recheckAfterMs: null,
    settled: true,
  };
  const seen: unknown[] = [];
  const variant = bind(
    {
      type: "NumberV0",
      parse: (data) =>
        typeof data === "number" ? { ok: true, value: data } : { ok: false, issues: [{ path: ["n", 0], message: "expected a number" }] },
      interpret: () => ({
        reconcile: ({ data }) => {
          seen.push(data);
          return Promise.resolve(done);
        },
        workloads: () => Promise.resolve([]),
        watch: () => Promise.resolve(),
        retry: (name) => {
          seen.push(`retry ${name}`);
          return Promise.resolve();
        },
        explain: ({ data }) => Promise.resolve({ report: done, observed: [`seen ${data}`], planned: [], blocked: [] }),
      }),
    },
    { name: "here", capabilities: {}, inventory: () => Promise.resolve({ architecture: "any", capabilities: [], facts: {} }) },
  );
  const desired = { name: "a", revision: "1", scoreString: "", hold: null };

  test("gives the variant what it parsed, and null to remove", async () => {
    expect(await variant.reconcile({ ...desired, data: 3 }, { signal })).toBe(done);
    await variant.reconcile({ ...desired, data: null }, { signal });
    expect(seen).toEqual([3, null]);
  });

  test("a Score that does not parse is rejected with its path, and touches nothing", async () => {
    const before = seen.length;
    const published: WorkloadReport[] = [];
    const report = await variant.reconcile({ ...desired, data: "three" }, { signal, onReport: (each) => published.push(each) });
    expect(report).toMatchObject({ phase: "Rejected", reason: "InvalidScore", message: "n[0]: expected a number; correct the deployment" });
    expect(published).toEqual([report]);
    expect(variant.check("three")).toEqual(report);
    expect(variant.check(3)).toBeNull();
    expect(seen).toHaveLength(before);
    expect(await variant.explain({ ...desired, data: "three" }, signal)).toEqual({ report, observed: [], planned: [], blocked: [] });
  });

  test("parses a document once", async () => {
    let parsed = 0;
    const data = { n: 3 };
    const counting = bind(
      {
        type: "ObjectV0",
        parse: (value) => ((parsed += 1), { ok: true, value }),
        interpret: () => ({
          reconcile: () => Promise.resolve(done),
          workloads: () => Promise.resolve([]),
          watch: () => Promise.resolve(),
          retry: () => Promise.resolve(),
          explain: () => Promise.resolve({ report: done, observed: [], planned: [], blocked: [] }),
        }),
      },
      { name: "here", capabilities: {}, inventory: () => Promise.resolve({ architecture: "any", capabilities: [], facts: {} }) },
    );
    expect(counting.check(data)).toBeNull();
    await counting.reconcile({ ...desired, data }, { signal });
    await counting.explain({ ...desired, data }, signal);
    expect(parsed).toBe(1);
    await counting.reconcile({ ...desired, data: { n: 3 } }, { signal });
    expect(parsed).toBe(2);
  });

  test("an explanation is the variant's, and so is another try", async () => {
    expect(await variant.explain({ ...desired, data: 3 }, signal)).toMatchObject({ report: done, observed: ["seen 3"] });
    expect(await variant.explain({ ...desired, data: null }, signal)).toMatchObject({ observed: ["seen null"] });
    await variant.retry("a", signal);
    expect(seen.at(-1)).toBe("retry a");
  });
});
