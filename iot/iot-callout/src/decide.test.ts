import { asDeviceId, DEVICE_RIGHTS, devicePermissions, personPermissions } from "@iot/contracts";
import type { Grant } from "@iot/identity";
import { describe, expect, test } from "vitest";
import { type Asked, decide, decidePerson } from "./decide.ts";

const approved: Grant = { state: "approved", capabilities: [...DEVICE_RIGHTS] };
const claims = { device: "pi-1", issuedAtS: 1_000, expiresAtS: 2_000 };
const good: Asked = { user: "pi-1", verified: { kind: "valid", claims }, grant: approved };

test("a device with a token and a grant gets what the one function of permissions gives", () => {
  const permissions = devicePermissions(asDeviceId("pi-1"));
  expect(decide(good)).toEqual({ kind: "in", account: "DEVICES", name: "pi-1", permissions, expiresAtS: 2_030 });
});

test.each<[string, Partial<Asked>, "refused" | "unknown", string]>([
  ["another user", { user: "pi-2" }, "refused", 'the user is "pi-2"'],
  ["no user", { user: undefined }, "refused", 'the user is ""'],
  ["the operator's name", { user: "operator" }, "refused", 'the user is "operator"'],
  ["a bad token", { verified: { kind: "refused", why: "it has expired" } }, "refused", "it has expired"],
  ["no keys", { verified: { kind: "unknown", why: "the keys are not known" } }, "unknown", "the keys are not known"],
  ["no grant", { grant: null }, "refused", "approve it"],
  ["nobody who knows the grant", { grant: undefined }, "unknown", "cannot be had"],
  ["disabled", { grant: { ...approved, state: "disabled", reason: "stolen" } }, "refused", "disabled (stolen)"],
  ["a token from before", { grant: { ...approved, tokensNotBefore: 1_001 } }, "refused", "were ended"],
])("not in: %s", (_what, changed, kind, why) => {
  expect(decide({ ...good, ...changed })).toMatchObject({ kind, why: expect.stringContaining(why) as unknown });
});

test("a person gets what the role permits, in the account of people, under the own name alone", () => {
  const anna = { person: "anna", role: "support", expiresAtS: 2_000 } as const;
  const permissions = personPermissions("anna", "support");
  expect(decidePerson("anna", anna)).toEqual({ kind: "in", account: "PEOPLE", name: "anna", permissions, expiresAtS: 2_030 });
  expect(decidePerson("anna", { ...anna, role: "admin" })).toMatchObject({ permissions: personPermissions("anna", "maintainer") });
  for (const user of ["ben", "operator", "", undefined]) expect(decidePerson(user, anna)).toMatchObject({ kind: "refused" });
});

describe("a grant names rights", () => {
  test("and one that is no right gives nothing", () => {
    const decision = decide({ ...good, grant: { state: "approved", capabilities: [">", "$KV.desired-state.>", "root", "__proto__"] } });
    expect(decision).toMatchObject({ kind: "in", permissions: { publish: [], subscribe: ["_INBOX_pi-1.>"] } });
  });

  test("and gives no more than they say", () => {
    const decision = decide({ ...good, grant: { state: "approved", capabilities: ["status"] } });
    expect(decision).toMatchObject({ permissions: { publish: ["iot.status.pi-1", "$KV.status.pi-1", "iot.history.pi-1"] } });
  });

  test("a token of the very second counts", () => {
    expect(decide({ ...good, grant: { ...approved, tokensNotBefore: 1_000 } }).kind).toBe("in");
  });
});
