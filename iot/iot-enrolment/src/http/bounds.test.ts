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

test("a nonce is good once, for a minute, and there are so many", () => {
  const clock = new Clock();
  const nonces = new Nonces(2, clock);
  const [first, second] = [nonces.make() ?? "", nonces.make() ?? ""];
  expect(nonces.make()).toBeNull();
  expect([nonces.use(first), nonces.use(first), nonces.use("")]).toEqual([true, false, false]);
  const third = nonces.make() ?? "";
  clock.ms = 60_000;
  expect([nonces.use(second), nonces.use(third)]).toEqual([false, false]);
  expect([nonces.make(), nonces.make()].every((nonce) => nonce !== null)).toBe(true);
});
