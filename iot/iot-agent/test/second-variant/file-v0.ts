// A second, trivial Score variant: a file in a folder. That it serves a whole agent, in the tests
// beside this folder, shows that a new variant touches no transport, operator or status code. A
// step can be made to wait for a file, and to be blocked by one.

import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import {
  type Desired,
  type Plan,
  reconcile,
  type Reconciler,
  type ResidentVariant,
  type Topology,
  Unable,
  type WorkloadReport,
} from "@harmony/core";
import { parse, parseJson } from "@harmony/schema";
import { eventually } from "@iot/testkit";
import * as z from "zod/mini";

const FileV0 = z.strictObject({
  content: z.string(),
  /** Writing waits until this file is there. */
  waitsFor: z.optional(z.string()),
  /** Blocked until this file is there. */
  blockedWithout: z.optional(z.string()),
});
type FileV0 = z.output<typeof FileV0>;

const Stored = z.strictObject({ revision: z.string(), scoreString: z.string(), content: z.string() });
type Stored = z.output<typeof Stored>;

type Step = { kind: "write"; stored: Stored; waitsFor: string | undefined } | { kind: "remove" };
interface Snapshot {
  readonly stored: Stored | null;
  readonly isBlocked: boolean;
}

/** `type` also names the files, so that two variants on one folder do not see each other's. */
export function fileVariant(type: string): ResidentVariant<{ folder: string }, FileV0> {
  return {
    type,
    parse: (data) => parse(FileV0, data),
    interpret: ({ capabilities: { folder } }) => {
      const suffix = `.${type}`;
      const place = (name: string): string => join(folder, `${name}${suffix}`);
      const read = async (name: string): Promise<Stored | null> => {
        const text = await readFile(place(name), "utf8").catch((error: unknown) => {
          if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
          throw error;
        });
        const parsed = text === null ? null : parseJson(Stored, text);
        return parsed?.ok === true ? parsed.value : null;
      };
      const reconciler: Reconciler<Desired<FileV0>, Snapshot, Step, WorkloadReport> = {
        observe: async ({ name, data }) => {
          await readdir(folder);
          return {
            stored: await read(name),
            isBlocked: data?.blockedWithout !== undefined && !(await exists(data.blockedWithout)),
          };
        },
        plan: ({ data, revision, scoreString, hold }, { stored, isBlocked }): Plan<Step> => {
          const plan = (steps: Step[]): Plan<Step> => ({ steps, blocked: [], recheckAfterMs: null });
          if (data === null) return plan(stored === null ? [] : [{ kind: "remove" }]);
          // Nothing of a file runs: it is held by leaving it as it is.
          if (hold !== null || stored?.scoreString === scoreString) return plan([]);
          if (isBlocked) {
            return { steps: [], blocked: [{ subject: "file", reason: "FileMissing", message: "a file is missing" }], recheckAfterMs: 50 };
          }
          return plan([{ kind: "write", stored: { revision, scoreString, content: data.content }, waitsFor: data.waitsFor }]);
        },
        apply: async () => ({ kind: "unchanged" }),
        milestone: ({ kind }) => (kind === "write" ? "started" : null),
        report: ({ desired, snapshot, plan, doing }) => {
          const [blocked] = plan.blocked;
          const isRemoval = desired.data === null;
          const still = isRemoval ? "Removing" : desired.hold === null ? "Running" : "Held";
          const phase = doing !== null ? "Starting" : blocked !== undefined ? "Blocked" : still;
          return {
            phase,
            reason: blocked?.reason ?? phase,
            message: blocked?.message ?? `the file is ${phase}`,
            runningRevision: snapshot.stored?.scoreString === desired.scoreString ? desired.revision : (snapshot.stored?.revision ?? null),
            services: [],
            recheckAfterMs: plan.recheckAfterMs,
            settled: doing === null && blocked === undefined,
          };
        },
      };
      return {
        reconcile: (desired, options) =>
          reconcile(
            {
              ...reconciler,
              apply: async (step, signal) => {
                if (step.kind === "remove") await rm(place(desired.name));
                else {
                  const { waitsFor } = step;
                  if (waitsFor !== undefined)
                    await eventually(() => signal.aborted || exists(waitsFor), { timeoutMs: 60_000, intervalMs: 10 });
                  signal.throwIfAborted();
                  await mkdir(folder, { recursive: true });
                  await writeFile(place(desired.name), JSON.stringify(step.stored));
                }
                return { kind: "changed" };
              },
            },
            desired,
            options,
          ),
        workloads: async () => {
          const names = (await readdir(folder)).filter((file) => file.endsWith(suffix)).map((file) => file.slice(0, -suffix.length));
          const all = await Promise.all(names.map(async (name) => ({ name, stored: await read(name) })));
          return all.flatMap(({ name, stored }) =>
            stored === null ? [] : [{ name, revision: stored.revision, scoreString: stored.scoreString }],
          );
        },
        watch: () => Promise.resolve(),
        // What it wrote are the lines of the file, one for each word.
        async *logs({ name, cursor, tail }) {
          const words = (await read(name))?.content.split(" ") ?? [];
          const from = cursor === null ? Math.max(0, words.length - (tail ?? words.length)) : Number(cursor) + 1;
          const lines = words.map((text, index) => ({
            atMicros: index,
            stream: "out" as const,
            text,
            service: null,
            cursor: String(index),
          }));
          yield { kind: "lines" as const, lines: lines.slice(from) };
        },
        // Its only command ends as it is asked to, with what was typed.
        run: ({ command: [program, code] }) => {
          if (program !== "end") return Promise.reject(new Unable("NoSuchProgram", "there is only `end`", { exitCode: 127 }));
          const typed = new PassThrough();
          return Promise.resolve({
            output: (async function* () {
              for await (const data of typed) if (data instanceof Uint8Array) yield { stream: "out" as const, data };
            })(),
            write: (data) => Promise.resolve(void typed.write(data)),
            endOfInput: () => void typed.end(),
            resize: () => Promise.resolve(),
            exitCode: () => Promise.resolve(Number(code)),
            leave: () => void typed.destroy(),
          });
        },
        retry: () => Promise.resolve(),
        explain: async (desired, signal) => {
          const snapshot = await reconciler.observe(desired, signal);
          const plan = reconciler.plan(desired, snapshot);
          return {
            report: reconciler.report({ desired, snapshot, plan, outcomes: [], doing: null }),
            observed: [snapshot.stored === null ? "the file is not there" : `the file says "${snapshot.stored.content}"`],
            planned: plan.steps.map(({ kind }) => `${kind} the file`),
            blocked: plan.blocked,
          };
        },
      };
    },
  };
}

export function folderTopology(folder: string): Topology<{ folder: string }> {
  return {
    name: "folder",
    capabilities: { folder },
    inventory: () => Promise.resolve({ architecture: "any", capabilities: ["folder"], facts: {} }),
  };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
