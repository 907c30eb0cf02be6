import { expect, test } from "vitest";
import { abortable } from "./abortable.ts";

test("gives what the work gives", async () => {
  await expect(abortable(Promise.resolve(1), new AbortController().signal)).resolves.toBe(1);
  await expect(abortable(Promise.reject(new Error("broken")), undefined)).rejects.toThrow("broken");
});

test("gives up with the signal's reason, before and while it waits", async () => {
  const endless = new Promise<never>(() => undefined);
  await expect(abortable(endless, AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
  const controller = new AbortController();
  const waiting = abortable(endless, controller.signal);
  controller.abort(new Error("meanwhile"));
  await expect(waiting).rejects.toThrow("meanwhile");
});
