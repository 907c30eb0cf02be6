// Nothing twice, nothing lost, in order: a server that holds what was sent, and a power cut at each
// step of the sending, before or after what the step does.

import { type Clock, createLog, systemClock } from "@harmony/runtime";
import { HISTORY_BURST, type HistoryEntry, type HistoryEvent } from "@iot/contracts";
import { type HistoryWriter, MessagingError } from "@iot/messaging/device";
import { eventually, makeTempFolder, type TempFolder } from "@iot/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { History } from "./history.ts";
import { HistorySender } from "./history-sender.ts";

const lines: string[] = [];
const log = createLog({ name: "t", format: "text", write: (line) => void lines.push(line) });

/** The subject of one device in the stream. */
class Server {
  readonly kept: HistoryEvent[] = [];
  last = 0;
  /** How many calls are answered before the power fails, and whether that one is carried out. */
  cut: { after: number; isCarriedOut: boolean } | null = null;
  isAbsent = false;
  calls = 0;
  #next = 1;

  writer(): HistoryWriter {
    return {
      last: () => this.#answer(() => this.last),
      put: (event, expected) =>
        this.#answer(() => {
          if (expected !== this.last) return { ok: false as const, reason: "Conflict" as const, last: this.last };
          this.kept.push(event);
          this.last = this.#next;
          // Other devices write, too.
          this.#next += 3;
          return { ok: true as const, revision: this.last };
        }),
    };
  }

  async #answer<Answer>(work: () => Answer): Promise<Answer> {
    await Promise.resolve();
    if (this.isAbsent) throw new MessagingError("NoStore", "no bucket answers");
    this.calls += 1;
    const { cut } = this;
    if (cut === null || this.calls <= cut.after) return work();
    if (this.calls === cut.after + 1 && cut.isCarriedOut) work();
    return new Promise(() => undefined);
  }
}

/** Whoever waits has waited. */
const hurried: Clock = {
  ...systemClock,
  monotonicMs: () => waitedMs,
  sleep: async (ms, signal) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
    signal?.throwIfAborted();
    waitedMs += ms;
  },
};
let waitedMs = 0;

/** One life of the agent, until its power fails. */
class Life {
  readonly history: History;
  readonly sender: HistorySender;

  private constructor(folder: string) {
    this.history = new History({ folder, log });
    this.sender = new HistorySender({ folder, history: this.history, bootId: "b", log, clock: hurried });
  }

  static async begin(folder: string): Promise<Life> {
    const life = new Life(folder);
    await life.history.load(await life.sender.load());
    return life;
  }

  add(message: string, more: Partial<HistoryEntry> = {}): void {
    const entry = { at: "2026-01-01T00:00:00Z", deployment: "hello", phase: "Running", reason: message, message, revision: 1 };
    this.history.add({ ...entry, ...more });
    this.sender.changed();
  }

  async end(): Promise<void> {
    void this.sender.close();
    await this.history.close();
  }
}

let folder: TempFolder;
beforeEach(async () => {
  folder = await makeTempFolder("history-sender");
  lines.length = 0;
});
afterEach(() => folder.remove());

const untilHas = (server: Server, count: number): Promise<unknown> =>
  eventually(() => server.kept.length >= count, { what: `${count} transitions are there`, timeoutMs: 10_000 });

const CUTS = [0, 1, 2, 3, 4].flatMap((after) => [true, false].map((isCarriedOut) => ({ after, isCarriedOut })));

test.each(CUTS)("a power cut at call $after, carried out: $isCarriedOut", async (cut) => {
  const server = new Server();
  server.cut = cut;
  const first = await Life.begin(folder.path);
  for (const message of ["One", "Two", "Three"]) first.add(message);
  first.sender.attach(server.writer());
  await eventually(() => server.calls > cut.after || server.kept.length === 3, { what: "the power fails" });
  await first.end();
  server.cut = null;
  const second = await Life.begin(folder.path);
  second.add("Four");
  second.sender.attach(server.writer());
  await untilHas(server, 4);
  await second.end();
  expect(server.kept.map(({ n, reason }) => `${n} ${reason}`)).toEqual(["1 One", "2 Two", "3 Three", "4 Four"]);
});

test.each(CUTS)("a power cut at call $after of what is merged, carried out: $isCarriedOut", async (cut) => {
  const server = new Server();
  server.cut = cut;
  const first = await Life.begin(folder.path);
  const names = Array.from({ length: HISTORY_BURST + 10 }, (_, index) => `Word${index}`);
  for (const [index, name] of names.entries()) first.add(name, { deployment: index < 8 ? "hello" : "other" });
  first.sender.attach(server.writer());
  const isAllThere = (): boolean => server.kept.at(-1)?.n === names.length;
  await eventually(() => server.calls > cut.after || isAllThere(), { what: "the power fails" });
  await first.end();
  server.cut = null;
  const second = await Life.begin(folder.path);
  second.sender.attach(server.writer());
  await eventually(isAllThere, { what: "all is there", timeoutMs: 20_000 });
  await second.end();
  // Each event says how many it stands for: together they are all, once.
  let upTo = 0;
  for (const { n, merged = 0 } of server.kept) {
    expect(n - merged).toBe(upTo + 1);
    upTo = n;
  }
  expect(upTo).toBe(names.length);
});

test("a device that forgot how far it was begins behind what is there", async () => {
  const server = new Server();
  server.kept.push({ n: 70, at: "", deployment: "hello", phase: null, reason: "R", message: "", revision: null });
  server.last = 40;
  const life = await Life.begin(folder.path);
  life.add("One");
  life.sender.attach(server.writer());
  await untilHas(server, 2);
  await life.end();
  expect(server.kept.map(({ n }) => n)).toEqual([70, 1]);
});

test("a history that is gone from the disk goes on with higher numbers", async () => {
  const server = new Server();
  const first = await Life.begin(folder.path);
  first.add("One");
  first.add("Two");
  first.sender.attach(server.writer());
  await untilHas(server, 2);
  await first.end();
  const second = new History({ folder: folder.path, log });
  await second.load(17);
  second.add({ at: "", deployment: "x", phase: null, reason: "R", message: "", revision: null });
  expect((await second.keptAfter(2)).map(({ n }) => n)).toEqual([18]);
});

test("a stream that was made anew gets what follows", async () => {
  const server = new Server();
  const life = await Life.begin(folder.path);
  life.add("One");
  life.sender.attach(server.writer());
  await untilHas(server, 1);
  server.last = 0;
  life.add("Two");
  await untilHas(server, 2);
  await life.end();
  expect(server.kept.map(({ n }) => n)).toEqual([1, 2]);
});

test("a server that keeps no history does no harm, is said once, and gets all when it does", async () => {
  const server = new Server();
  server.isAbsent = true;
  const life = await Life.begin(folder.path);
  life.sender.attach(server.writer());
  life.add("One");
  await eventually(() => lines.length > 0, { what: "it is said" });
  life.add("Two");
  life.sender.attach(server.writer());
  await life.history.written();
  server.isAbsent = false;
  life.sender.attach(server.writer());
  await untilHas(server, 2);
  await life.end();
  expect(server.kept.map(({ n }) => n)).toEqual([1, 2]);
  expect(lines.filter((line) => line.includes("keeps no history"))).toHaveLength(1);
});
