// What an account at Zitadel lacks, as a table; and that passes which are cut off anywhere, beside
// a Zitadel that shows late, come to one key for each of the record's.

import type { DeviceRecord } from "@iot/identity";
import { expect, test } from "vitest";
import { accountOf, type AccountSeen, type AccountSent, type AccountStep, planAccount } from "./account.ts";

type Key = DeviceRecord["keys"][number];

const key = (keyId: string, more: Partial<Key> = {}): Key => ({ keyId, publicKey: `pem of ${keyId}`, ...more });
const recordOf = (keys: readonly Key[], more: Partial<DeviceRecord> = {}): DeviceRecord => ({
  device: "pi-7",
  keys: [...keys],
  state: "approved",
  ...more,
});
const sentOf = (more: Partial<AccountSent> = {}): AccountSent => ({ isMade: false, isRoleSent: false, keys: new Map(), ...more });
const seenOf = (keys: readonly string[], hasRole = true): AccountSeen => ({ keys, hasRole });
const addKey = (keyId: string): AccountStep => ({ step: "addKey", keyId, publicKey: `pem of ${keyId}` });

test.each<[string, DeviceRecord, AccountSeen, AccountSent, readonly AccountStep[]]>([
  ["nothing is there", recordOf([key("a")]), seenOf([], false), sentOf(), [{ step: "addMachine" }, { step: "addRole" }, addKey("a")]],
  [
    "all was sent, and nothing is shown",
    recordOf([key("a")]),
    seenOf([], false),
    sentOf({ isMade: true, isRoleSent: true, keys: new Map([["a", "301"]]) }),
    [{ step: "wait" }, { step: "wait" }],
  ],
  [
    "the key is shown, and the role is not",
    recordOf([key("a")]),
    seenOf(["301"], false),
    sentOf({ isMade: true, isRoleSent: true, keys: new Map([["a", "301"]]) }),
    [{ step: "wait" }],
  ],
  [
    "both are shown",
    recordOf([key("a")]),
    seenOf(["301"]),
    sentOf({ keys: new Map([["a", "301"]]) }),
    [{ step: "keep", keyId: "a", zitadelKeyId: "301" }],
  ],
  ["it is what the record says", recordOf([key("a", { zitadelKeyId: "301" })]), seenOf(["301"]), sentOf(), []],
  ["a second key is to follow", recordOf([key("a", { zitadelKeyId: "301" }), key("b")]), seenOf(["301"]), sentOf(), [addKey("b")]],
  [
    "a key of before, or of a pass that was cut off",
    recordOf([key("a", { zitadelKeyId: "301" })]),
    seenOf(["300", "301"]),
    sentOf(),
    [{ step: "removeKey", zitadelKeyId: "300" }],
  ],
  ["somebody removed the key at Zitadel", recordOf([key("a", { zitadelKeyId: "301" })]), seenOf([]), sentOf(), [addKey("a")]],
  ["a disabled device", recordOf([key("a")], { state: "disabled" }), seenOf(["300"], false), sentOf(), []],
])("%s", (_what, record, seen, sent, steps) => {
  expect(planAccount(record, seen, sent)).toEqual(steps);
});

test.each([0, 1, 2, 3])("cut off after %s steps, and shown only in the pass after, one key is left", (steps) => {
  let record = recordOf([key("a"), key("b")]);
  const [written, shown] = [new Set<string>(), new Set<string>()];
  let [hasRole, made, budget] = [false, 0, steps];
  for (let pass = 0; pass < 12; pass += 1) {
    const keys = new Map<string, string>();
    // A process begins, and ends after so many steps; the last ones are left alone.
    for (let look = 0; look < 6; look += 1) {
      for (const step of planAccount(record, { keys: [...shown], hasRole }, { isMade: false, isRoleSent: false, keys })) {
        if (pass < 3 && budget-- <= 0) break;
        if (step.step === "addRole") hasRole = true;
        if (step.step === "addKey") {
          made += 1;
          keys.set(step.keyId, String(made));
          written.add(String(made));
        }
        if (step.step === "removeKey") for (const set of [written, shown]) set.delete(step.zitadelKeyId);
        if (step.step === "keep")
          record = {
            ...record,
            keys: record.keys.map((each) => (each.keyId === step.keyId ? { ...each, zitadelKeyId: step.zitadelKeyId } : each)),
          };
      }
      for (const each of written) shown.add(each);
    }
    budget = steps;
  }
  const kept = record.keys.map(({ zitadelKeyId }) => zitadelKeyId);
  expect(new Set(kept).size).toBe(2);
  expect(shown).toEqual(new Set(kept));
});

test("a device is given its account when its tokens count, and not a second sooner", () => {
  const record = recordOf([key("a", { zitadelKeyId: "301" }), key("b")], { tokensNotBefore: 1_000 });
  const place = { url: "https://zitadel.example", project: "300" };
  expect(accountOf(record, "a", place, 999_999)).toBeNull();
  expect(accountOf(record, "a", place, 1_000_000)).toEqual({ issuer: "https://zitadel.example", project: "300", keyId: "301" });
  expect(accountOf(record, "b", place, 1_000_000)).toBeNull();
  expect(accountOf(record, "a", null, 1_000_000)).toBeNull();
  expect(accountOf(record, "a", { ...place, ca: "pem" }, 1_000_000)).toMatchObject({ ca: "pem" });
});
