// Both ends over a port of the test's own, whose frames it counts, loses and repeats, and a clock
// that only the test moves.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Channel, decodeFrame, encodeFrame } from "./frame.ts";
import { type Ended, LEASE_MS, type SessionEnd, SessionEnded } from "./session-end.ts";
import { SessionTable } from "./session-table.ts";

class ManualClock {
  #nowMs = 0;
  #sleepers: { readonly dueMs: number; readonly wake: () => void }[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#sleepers.push({ dueMs: this.#nowMs + ms, wake: resolve });
    signal?.addEventListener("abort", () => reject(signal.reason));
    return promise;
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      this.#nowMs += Math.min(left, 1_000);
      const due = this.#sleepers.filter(({ dueMs }) => dueMs <= this.#nowMs);
      this.#sleepers = this.#sleepers.filter(({ dueMs }) => dueMs > this.#nowMs);
      for (const { wake } of due) wake();
      await settled();
    }
  }
}

/** Resolves when everything that follows from what has happened has happened. */
function settled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}

const DEVICE_HEARS: readonly Channel[] = ["stdin", "resize", "credit", "close"];
const PERSON_HEARS: readonly Channel[] = ["stdout", "stderr", "notice", "status", "credit", "close"];
const ID = "0".repeat(32);

type Way = "to device" | "to person";

/** `crosses`: false loses the frame. */
function pair(crosses: (way: Way, count: number) => boolean | "twice" = () => true) {
  const clock = new ManualClock();
  const [device, person] = [new SessionTable(clock), new SessionTable(clock)];
  const frames: { readonly way: Way; readonly frame: Uint8Array }[] = [];
  const send = (way: Way) => (frame: Uint8Array) => {
    frames.push({ way, frame });
    const answer = crosses(way, frames.length);
    const to = way === "to device" ? device : person;
    for (let times = answer === "twice" ? 2 : Number(answer); times > 0; times -= 1) queueMicrotask(() => to.receive(ID, frame));
  };
  const atDevice = device.open(ID, { send: send("to person"), hears: DEVICE_HEARS });
  const atPerson = person.open(ID, { send: send("to device"), hears: PERSON_HEARS });
  return { clock, device, person, atDevice, atPerson, frames };
}

async function collect(end: SessionEnd): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for await (const { channel, data } of end.incoming()) texts[channel] = (texts[channel] ?? "") + Buffer.from(data).toString("latin1");
  return texts;
}

/** As exec does it: what is typed comes back, beside output of its own. */
async function answer(end: SessionEnd, output: string): Promise<"finished" | Ended> {
  try {
    const echo = (async () => {
      for await (const { channel, data } of end.incoming()) {
        if (channel === "close") break;
        await end.write("stderr", data);
      }
    })();
    await Promise.all([echo, end.write("stdout", Buffer.from(output, "latin1"))]);
    end.finish({ exitCode: 3 });
    return "finished";
  } catch (error) {
    if (error instanceof SessionEnded) return error.ended;
    throw error;
  }
}

test("what is written at one end comes out at the other, whole and in order, whatever its size", async () => {
  const text = fc.string({ unit: "binary-ascii", maxLength: 60 }).map((one) => one.repeat(700));
  await fc.assert(
    fc.asyncProperty(text, fc.array(text, { maxLength: 4 }), async (output, typed) => {
      const { atDevice, atPerson, device, person } = pair();
      const answered = answer(atDevice, output);
      const collected = collect(atPerson);
      for (const one of typed) await atPerson.write("stdin", Buffer.from(one, "latin1"));
      atPerson.endOfInput();
      const input = typed.join("");
      expect(await collected).toEqual({ ...(output === "" ? {} : { stdout: output }), ...(input === "" ? {} : { stderr: input }) });
      expect(await atPerson.ended).toEqual({ kind: "status", status: { exitCode: 3 } });
      expect(await answered).toBe("finished");
      expect([device.size, person.size]).toEqual([0, 0]);
    }),
    { numRuns: 40 },
  );
});

describe("killed at any frame", () => {
  const output = "x".repeat(60_000);
  const converse = async (session: ReturnType<typeof pair>): Promise<void> => {
    for (let typed = 0; typed < 5; typed += 1) await session.atPerson.write("stdin", Buffer.from("typed ".repeat(50)));
    session.atPerson.endOfInput();
  };

  test.each(["device", "person"] as const)("the %s leaves nothing at the other end", async (killed) => {
    const whole = pair();
    const collected = collect(whole.atPerson);
    void answer(whole.atDevice, output);
    await converse(whole);
    await collected;
    const count = whole.frames.length;
    expect(count).toBeGreaterThan(15);
    for (let frame = 0; frame < count; frame += 1) {
      const session = pair((_way, number) => number <= frame);
      const [answered, read] = [answer(session.atDevice, output), collect(session.atPerson)];
      const said = converse(session).catch((error: unknown) => error);
      await settled();
      // It is gone without a word.
      session[killed === "device" ? "atDevice" : "atPerson"].drop("lost");
      await session.clock.pass(LEASE_MS + 1_000);
      await Promise.all([answered, read, said]);
      expect({ frame, device: session.device.size, person: session.person.size }).toEqual({ frame, device: 0, person: 0 });
      const other = killed === "device" ? session.atPerson : session.atDevice;
      expect(["silent", "status", "left"]).toContain((await other.ended).kind);
    }
  });
});

test("a session that says nothing lives as long as both ends do", async () => {
  const { clock, atDevice, atPerson, device, person } = pair();
  await clock.pass(10 * 60_000);
  expect([device.size, person.size]).toEqual([1, 1]);
  atPerson.close();
  expect(await atDevice.ended).toEqual({ kind: "closed" });
  expect([device.size, person.size]).toEqual([0, 0]);
});

test("a hundred that were abandoned are gone after their lease, and nothing runs then", async () => {
  const clock = new ManualClock();
  const device = new SessionTable(clock);
  const ends = Array.from({ length: 100 }, (_, index) => device.open(String(index), { send: () => undefined, hears: DEVICE_HEARS }));
  const writers = ends.map((end) => answer(end, "x".repeat(100_000)));
  await clock.pass(LEASE_MS - 1_000);
  expect(device.size).toBe(100);
  await clock.pass(2_000);
  expect(device.size).toBe(0);
  expect(await Promise.all(writers)).toEqual(ends.map(() => ({ kind: "silent" })));
});

describe("an end that is killed at any frame leaves nothing at the other", () => {
  const output = "abcdefgh".repeat(2_000);

  test.each(["the device", "the person"] as const)("%s", async (killed) => {
    const whole = pair();
    void answer(whole.atDevice, output);
    whole.atPerson.endOfInput();
    await collect(whole.atPerson);
    const count = whole.frames.length;
    for (let last = 0; last <= count; last += 1) {
      // Of what was killed nothing comes any more, and to it nothing matters.
      const session = pair((_way, number) => number <= last);
      const answered = answer(session.atDevice, output);
      session.atPerson.endOfInput();
      const [left, table] = killed === "the device" ? [session.atPerson, session.person] : [session.atDevice, session.device];
      const read = killed === "the device" ? collect(left) : answered;
      await session.clock.pass(LEASE_MS + 2_000);
      const { kind } = await left.ended;
      await read;
      // It had its last word, said its own, or heard nothing more.
      expect({ last, size: table.size, isOver: ["status", "left", "silent"].includes(kind) }).toEqual({ last, size: 0, isOver: true });
      expect(kind === "silent" || last > 0).toBe(true);
    }
  });
});

describe("a frame that is", () => {
  const output = "abcdefgh".repeat(4_000);

  test("lost ends the session at who misses it, at the latest with the last word", async () => {
    const whole = pair();
    void answer(whole.atDevice, output);
    whole.atPerson.endOfInput();
    await collect(whole.atPerson);
    const count = whole.frames.length;
    for (let lost = 1; lost <= count; lost += 1) {
      const session = pair((_way, number) => number !== lost);
      const isData = (): boolean => decodeFrame(session.frames[lost - 1]?.frame ?? new Uint8Array())?.channel === "stdout";
      const answered = answer(session.atDevice, output);
      session.atPerson.endOfInput();
      const read = await Promise.all([collect(session.atPerson), session.clock.pass(2 * LEASE_MS)]);
      await answered;
      const { kind } = await session.atPerson.ended;
      expect({ lost, isGap: kind === "gap" }).toEqual({ lost, isGap: isData() });
      // What is given is what was sent, without a hole.
      expect(output.startsWith(read[0]["stdout"] ?? "")).toBe(true);
    }
  });

  test("repeated is taken once", async () => {
    const { atDevice, atPerson } = pair(() => "twice");
    void answer(atDevice, output);
    atPerson.endOfInput();
    expect(await collect(atPerson)).toEqual({ stdout: output });
  });

  test("of a channel that goes the other way, or none at all, is passed over", async () => {
    const { atDevice, device } = pair();
    for (const channel of ["stdout", "status", "notice"] as const)
      device.receive(ID, encodeFrame({ channel, offset: 0, data: Buffer.from('{"exitCode":0}') }));
    device.receive(ID, Buffer.from("garbage"));
    expect(device.size).toBe(1);
    atDevice.close();
  });
});

test("who sends more than there is room for is ended, and takes no memory", async () => {
  const { device, atDevice } = pair();
  for (let sent = 0; sent < 2_000_000; sent += 16_000) {
    device.receive(ID, encodeFrame({ channel: "stdin", offset: sent, data: new Uint8Array(16_000) }));
  }
  expect(await atDevice.ended).toEqual({ kind: "gap" });
  expect(await collect(atDevice)).toEqual({});
});

test("credit for what was never sent is passed over", async () => {
  const { device, atDevice } = pair((way) => way === "to person");
  device.receive(ID, encodeFrame({ channel: "credit", offset: 1e9, data: new Uint8Array() }));
  const written = atDevice.write("stdout", new Uint8Array(1_000_000));
  await settled();
  expect(atDevice.bytes.sent).toBeLessThan(64 * 1024);
  atDevice.close();
  await expect(written).rejects.toBeInstanceOf(SessionEnded);
});
