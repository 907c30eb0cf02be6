import { expect, test } from "vitest";
import { Escape } from "./escape.ts";

const typed = (...texts: readonly string[]) => {
  const escape = new Escape();
  const all = texts.map((text) => escape.take(Buffer.from(text)));
  return { sent: all.map(({ data }) => Buffer.from(data).toString()).join(""), isLeaving: all.some(({ isLeaving }) => isLeaving) };
};

test.each([
  [["ls\r"], "ls\r", false],
  [["~."], "", true],
  [["ls\r", "~", "."], "ls\r", true],
  [["ls\r~.rest"], "ls\r", true],
  [["cd ~."], "cd ~.", false],
  [["\r~~."], "\r~.", false],
  [["\r~x"], "\r~x", false],
  [["\r~\r~."], "\r~\r", true],
])("%j sends %j", (texts, sent, isLeaving) => {
  expect(typed(...texts)).toEqual({ sent, isLeaving });
});
