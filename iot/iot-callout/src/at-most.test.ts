import { expect, test } from "vitest";
import { AtMost } from "./at-most.ts";

test("no more than so many run at once, the others in their order, also after one that fails", async () => {
  const atMost = new AtMost(2);
  const begun: number[] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const all = [0, 1, 2, 3].map((index) =>
    atMost.run(() => {
      begun.push(index);
      ends[index] = Promise.withResolvers<void>();
      return ends[index].promise;
    }),
  );
  expect(begun).toEqual([0, 1]);
  ends[0]?.reject(new Error("it failed"));
  await expect(all[0]).rejects.toThrow("it failed");
  expect(begun).toEqual([0, 1, 2]);
  ends[2]?.resolve();
  await all[2];
  ends[1]?.resolve();
  await all[1];
  ends[3]?.resolve();
  await Promise.all(all.slice(1));
  expect(begun).toEqual([0, 1, 2, 3]);
});
