import { expect, test } from "vitest";
import { AddressLimit, Nonces } from "./bounds.ts";

class Clock {
  ms = 0;
  monotonicMs = (): number => this.ms;
}

test("an address has so many requests a minute, and hears when it may ask again; others are not its matter", () => {
  const clock = new Clock();
  const limit = new AddressLimit(2, clock);
  expect([limit.count("10.0.0.1"), limit.count("10.0.0.1")]).toEqual([null, null]);
  clock.ms = 45_000;
  expect(limit.count("10.0.0.1")).toBe(15);
  expect(limit.count("10.0.0.2")).toBeNull();
  clock.ms = 60_000;
  expect(limit.count("10.0.0.1")).toBeNull();
});

test.each([
  ["the same address, told by a socket of IPv6", "10.0.0.1", "::ffff:10.0.0.1", true],
  ["two of one network of IPv6", "2001:db8:1:2::5", "2001:db8:1:2:ffff:1:2:3", true],
  ["two networks of IPv6", "2001:db8:1:2::5", "2001:db8:1:3::5", false],
])("%s", (_what, one, other, isOne) => {
  const limit = new AddressLimit(1, new Clock());
  limit.count(one);
  expect(limit.count(other) !== null).toBe(isOne);
});

test("a nonce is good once, for a minute, at whoever made it", () => {
  const clock = new Clock();
  const nonces = new Nonces(9, clock);
  const [first, second] = [nonces.make(), nonces.make()];
  expect([nonces.use(first), nonces.use(first)]).toEqual([true, false]);
  const [end = "", random = "", signature = ""] = second.split(".");
  const later = `${(parseInt(end, 36) + 1).toString(36)}.${random}.${signature}`;
  const changed = `${end}.${random}.${signature.slice(1)}A`;
  for (const wrong of ["", "mine", later, changed, `${end}.${random}.`, new Nonces(9, clock).make()]) expect(nonces.use(wrong)).toBe(false);
  clock.ms = 60_000;
  expect(nonces.use(second)).toBe(false);
});

test("those that were used are kept until their end, and bounded", () => {
  const clock = new Clock();
  const nonces = new Nonces(2, clock);
  const made = Array.from({ length: 3 }, () => nonces.make());
  expect(made.map((nonce) => nonces.use(nonce))).toEqual([true, true, false]);
  clock.ms = 60_001;
  expect(nonces.use(nonces.make())).toBe(true);
});
