import { describe, expect, test } from "vitest";
import { createLog } from "./log.ts";

function lines(format: "journal" | "text" | "json", level?: "debug") {
  const written: string[] = [];
  const log = createLog({
    name: "test",
    format,
    ...(level === undefined ? {} : { level }),
    write: (line) => void written.push(line),
    now: () => new Date(0),
  });
  return { written, log };
}

describe("a log line", () => {
  test("is prose with a priority in the journal", () => {
    const { written, log } = lines("journal");
    log.info("pulled image", { deployment: "hello", image: "a b", count: 3, none: undefined });
    log.error("two\nlines");
    expect(written).toEqual(['<6>pulled image deployment=hello image="a b" count=3\n', "<3>two lines\n"]);
  });

  test("is prose with a time on a terminal", () => {
    const { written, log } = lines("text");
    log.warn("so");
    expect(written).toEqual(["1970-01-01T00:00:00.000Z warn so\n"]);
  });

  test("is JSON in pino's shape elsewhere, with the fields that it was given", () => {
    const { written, log } = lines("json");
    log.with({ device: "pi-1" }).info("connected", { revision: 7 });
    expect(written.map((line): unknown => JSON.parse(line))).toEqual([
      { level: 30, time: 0, name: "test", msg: "connected", device: "pi-1", revision: 7 },
    ]);
  });

  test.each(["journal", "text", "json"] as const)("as %s has nothing that a terminal obeys, whoever wrote the words", (format) => {
    const { written, log } = lines(format);
    const rude = "a\u001b[2Jb\r\u202e\u009b31mc";
    log.with({ device: rude }).warn(rude, { why: rude, list: [rude], error: new Error(rude) });
    expect(written.join("").match(/ab c/g)).toHaveLength(5);
    expect(written.join("").trimEnd()).not.toMatch(/[\p{Cc}\p{Bidi_Control}]|\\u/u);
  });

  test("is not written below the level", () => {
    const quiet = lines("text");
    quiet.log.debug("step");
    expect(quiet.written).toEqual([]);
    const loud = lines("text", "debug");
    loud.log.debug("step");
    expect(loud.written).toHaveLength(1);
  });

  test.each([
    "password",
    "nats_password",
    "pass",
    "nats_pass",
    "natsPass",
    "pwPass",
    "secret",
    "token",
    "credentials",
    "Authorization",
    "apiToken",
  ])("hides the field %s", (key) => {
    const { written, log } = lines("json");
    log.info("hello", { [key]: "hunter2", deep: { [key]: "hunter2" }, list: [{ [key]: "hunter2" }] });
    expect(written.join("")).not.toContain("hunter2");
  });

  test("writes an error as the chain of its causes, each once", () => {
    const { written, log } = lines("journal");
    log.warn("failed", { error: new Error("outer", { cause: new Error("inner") }) });
    expect(written).toEqual(['<4>failed error="outer: inner"\n']);
  });
});
