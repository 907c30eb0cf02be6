// The plans against a model of both buckets: each deed by a table, each deed cut off after each of
// its writes and said again, and random histories of deeds and cuts, after which nobody has what he
// may not have.

import { generateKeyPairSync } from "node:crypto";
import { canonicalJson } from "@harmony/schema";
import { Bootstrap, codeOfKey, DeviceCode, DeviceRecord, EnrolmentRecord, keyIdOf, Person, publicPem, SerialRow } from "@iot/identity";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type * as z from "zod/mini";
import { grantOf, holderOf } from "./admit.ts";
import { answerRequest } from "./answer-request.ts";
import { type EnrolmentAsked, planEnrolment } from "./enrol.ts";
import type { Held, Plan, Stored, Write } from "./held.ts";
import { planKey, planKeyUsed } from "./keys.ts";
import { planApproval, planDenial, planDisabling, planEnabling, planForgetting } from "./people-say.ts";
import { planRepair } from "./repair.ts";
import { planBootstrap, planCode, planPerson, planPersonRemoval, planRevocation, planSerials } from "./secrets.ts";

const NOW_MS = Date.parse("2026-06-01T12:00:00Z");
const NOW_S = NOW_MS / 1_000;
const issuer = { issuer: "https://enrol.example", project: "iot", organisation: "standalone", jwks: { keys: [] } };

/** As the two buckets: a write that expects another revision is refused. */
class World implements Held {
  readonly #documents = new Map<string, { readonly revision: number; readonly text: string | null }>();
  #revision = 0;

  write({ bucket, key, document, expected }: Write): boolean {
    const name = `${bucket} ${key}`;
    if ((this.#documents.get(name)?.revision ?? 0) !== expected) return false;
    this.#revision += 1;
    this.#documents.set(name, { revision: this.#revision, text: document === null ? null : canonicalJson(document) });
    return true;
  }

  /** Does the first `most` writes. */
  do<Answer>(plan: Plan<Answer>, most = Infinity): Plan<Answer> {
    if (plan.kind === "do") for (const write of plan.writes.slice(0, most)) expect(this.write(write)).toBe(true);
    return plan;
  }

  wipeGrants(): void {
    for (const name of this.#documents.keys()) if (name.startsWith("grants ")) this.#documents.delete(name);
  }

  /** What is there, without its revisions. */
  content(): Record<string, string> {
    return Object.fromEntries([...this.#documents].flatMap(([name, { text }]) => (text === null ? [] : [[name, text]])));
  }

  /** By the schema that reads it in the bucket: a plan that writes what cannot be read fails here. */
  #one<Schema extends z.ZodMiniType>(schema: Schema, key: string): Stored<z.output<Schema>> {
    const { revision, text } = this.#documents.get(`enrolments ${key}`) ?? { revision: 0, text: null };
    return { revision, value: text === null ? null : schema.parse(JSON.parse(text)) };
  }
  #all<Schema extends z.ZodMiniType>(schema: Schema, kind: string): { readonly name: string; readonly value: z.output<Schema> }[] {
    const keys = [...this.#documents.keys()].filter((name) => name.startsWith(`enrolments ${kind}`)).map((name) => name.slice(11));
    return keys.flatMap((key) => {
      const { value } = this.#one(schema, key);
      return value === null ? [] : [{ name: key.slice(kind.length), value }];
    });
  }
  request = (code: string): Stored<EnrolmentRecord> => this.#one(EnrolmentRecord, `request.${code}`);
  device = (id: string): Stored<DeviceRecord> => this.#one(DeviceRecord, `device.${id}`);
  bootstrap = (name: string): Stored<Bootstrap> => this.#one(Bootstrap, `bootstrap.${name}`);
  code = (digest: string): Stored<DeviceCode> => this.#one(DeviceCode, `code.${digest}`);
  person = (name: string): Stored<Person> => this.#one(Person, `person.${name}`);
  grant = (key: string): Stored<string> => {
    const { revision, text } = this.#documents.get(`grants ${key}`) ?? { revision: 0, text: null };
    return { revision, value: text };
  };
  serial = (digest: string): Stored<SerialRow> => this.#one(SerialRow, `serial.${digest}`);
  serials = (): { digest: string; row: SerialRow }[] =>
    this.#all(SerialRow, "serial.").map(({ name, value }) => ({ digest: name, row: value }));
  requests = (): EnrolmentRecord[] => this.#all(EnrolmentRecord, "request.").map(({ value }) => value);
  devices = (): DeviceRecord[] => this.#all(DeviceRecord, "device.").map(({ value }) => value);
  bootstraps = (): Bootstrap[] => this.#all(Bootstrap, "bootstrap.").map(({ value }) => value);
  codes = (): { digest: string; code: DeviceCode }[] =>
    this.#all(DeviceCode, "code.").map(({ name, value }) => ({ digest: name, code: value }));
  persons = (): Person[] => this.#all(Person, "person.").map(({ value }) => value);
}

const keys = Array.from({ length: 4 }, () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  return { code: codeOfKey(privateKey), keyId: keyIdOf(privateKey), publicKey: publicPem(privateKey) };
});
function keyAt(index: number): (typeof keys)[number] {
  const key = keys[index];
  if (key === undefined) throw new Error(`there is no key ${index}`);
  return key;
}

function asks(index: number, shown: EnrolmentAsked["shown"], nowMs = NOW_MS): EnrolmentAsked {
  return { ...keyAt(index), hardware: {}, serial: null, address: "10.0.0.1", shown, nowMs };
}
const byToken = { kind: "token", digest: "token" } as const;
const byCode = { kind: "code", digest: "code" } as const;

function row(serial: string, device: string): { digest: string; row: SerialRow } {
  return { digest: serial, row: { serial: `000${serial}`, bootstrap: "spring", device, labels: { line: "4" } } };
}

function listed(world: World): World {
  world.do(planSerials(world, [row("s2", "pi-2"), row("s1", "pi-1")]));
  return world;
}

/** A token of three devices, a code for pi-7; key 0 waits, key 1 is pi-1, key 2 and 3 are new. */
function scene(): World {
  const world = new World();
  world.do(planBootstrap(world, { name: "spring", maxDevices: 3, days: 30, digest: "token", nowMs: NOW_MS }));
  world.do(planCode(world, "pi-7", "code", NOW_MS));
  world.do(planEnrolment(world, asks(0, byToken)));
  world.do(planEnrolment(world, asks(1, byToken)));
  world.do(planApproval(world, keyAt(1).code, { device: "pi-1", labels: { site: "north" } }, NOW_MS));
  world.do(planRepair(world, issuer));
  return world;
}

const deeds: Readonly<Record<string, (world: World) => Plan<unknown>>> = {
  "enrol by a code": (world) => planEnrolment(world, asks(2, byCode)),
  "enrol by a token": (world) => planEnrolment(world, asks(2, byToken)),
  "enrol by a code what waits": (world) => planEnrolment(world, asks(0, byCode)),
  "enrol what is listed": (world) => planEnrolment(listed(world), { ...asks(2, byToken), serial: "s2" }),
  list: (world) => planSerials(world, [row("s8", "pi-8"), row("s9", "pi-9")]),
  approve: (world) => planApproval(world, keyAt(0).code, { device: "pi-9" }, NOW_MS),
  "approve in the place of a lost key": (world) => planApproval(world, keyAt(0).code, { device: "pi-1", replaces: "pi-1" }, NOW_MS),
  "approve in the place of another": (world) => planApproval(world, keyAt(0).code, { device: "pi-9", replaces: "pi-1" }, NOW_MS),
  deny: (world) => planDenial(world, keyAt(0).code, "not ours"),
  disable: (world) => planDisabling(world, "pi-1", "stolen", NOW_MS),
  enable: (world) => planEnabling(world, "pi-1"),
  forget: (world) => planForgetting(world, "pi-1"),
  "a new key": (world) => planKey(world, "pi-1", keyAt(3)),
  "a new key is used": (world) => planKeyUsed(world, "pi-1", keyAt(3).keyId),
  "another code": (world) => planCode(world, "pi-7", "code-2", NOW_MS),
  "revoke a token": (world) => planRevocation(world, "spring"),
};

test.each(Object.entries(deeds))("%s: cut off after any write and said again, it comes to the same", (_what, deed) => {
  const whole = scene();
  const plan = whole.do(deed(whole));
  const writes = plan.kind === "do" ? plan.writes.length : 0;
  for (let cut = 0; cut <= writes; cut += 1) {
    const world = scene();
    world.do(deed(world), cut);
    const again = world.do(deed(world));
    const isRefusedAsDone = again.kind === "refused" && cut === writes;
    expect(again.kind === "do" || isRefusedAsDone).toBe(true);
    expect(world.content()).toEqual(whole.content());
  }
});

describe("a list of serial numbers", () => {
  const comes = (world: World, index: number, serial: string): Plan<EnrolmentRecord> =>
    world.do(planEnrolment(world, { ...asks(index, byToken), serial }));

  test("approves the first key that comes with one, under its id and labels; a second one waits", () => {
    const world = listed(scene());
    expect(comes(world, 2, "s2")).toMatchObject({ answer: { state: "approved", device: "pi-2", bootstrap: "spring" } });
    expect(world.device("pi-2").value).toMatchObject({ labels: { line: "4" }, keys: [{ keyId: keyAt(2).keyId }] });
    world.do(planRevocation(world, "spring"));
    world.do(planBootstrap(world, { name: "spring", maxDevices: 9, days: 1, digest: "token", nowMs: NOW_MS }));
    expect(world.serials()).toEqual([]);
    listed(world);
    expect(comes(world, 3, "s2")).toMatchObject({ answer: { state: "pending" } });
  });

  test("gives the place of no device that is there, and nothing to another token", () => {
    const world = listed(scene());
    expect(comes(world, 2, "s1")).toMatchObject({ answer: { state: "pending" } });
    world.do(planBootstrap(world, { name: "other", maxDevices: 9, days: 1, digest: "other", nowMs: NOW_MS }));
    const asked = { ...asks(3, { kind: "token", digest: "other" }), serial: "s2" } as const;
    expect(planEnrolment(world, asked)).toMatchObject({ answer: { state: "pending" } });
  });

  test("is taken again as it is, and refused when it says another thing", () => {
    const world = listed(scene());
    comes(world, 2, "s2");
    expect(planSerials(world, [row("s2", "pi-2")])).toMatchObject({ kind: "do", writes: [] });
    for (const rows of [
      [row("s2", "pi-5")],
      [row("s5", "pi-2")],
      [row("s5", "pi-5"), row("s5", "pi-5")],
      [row("s5", "pi-5"), row("s6", "pi-5")],
    ]) {
      expect(planSerials(world, rows)).toMatchObject({ kind: "refused", refusal: { status: 409 } });
    }
  });
});

describe("refused", () => {
  const refusals: readonly (readonly [what: string, deed: (world: World) => Plan<unknown>, status: number, why: string])[] = [
    ["nothing is shown", (world) => planEnrolment(world, asks(2, null)), 401, "neither a token nor a code"],
    ["a wrong token", (world) => planEnrolment(world, asks(2, { kind: "token", digest: "x" })), 401, "unknown"],
    ["a wrong code", (world) => planEnrolment(world, asks(2, { kind: "code", digest: "x" })), 401, "unknown"],
    ["a token as a code", (world) => planEnrolment(world, asks(2, { kind: "code", digest: "token" })), 401, "unknown"],
    ["a token past its end", (world) => planEnrolment(world, asks(2, byToken, NOW_MS + 30 * 86_400_000)), 410, "is over"],
    ["a code past its end", (world) => planEnrolment(world, asks(2, byCode, NOW_MS + 900_000)), 410, "is over"],
    ["a revoked token", (world) => (world.do(planRevocation(world, "spring")), planEnrolment(world, asks(2, byToken))), 401, "revoked"],
    [
      "the device after the last that may",
      (world) => (world.do(planEnrolment(world, asks(2, byToken))), planEnrolment(world, asks(3, byToken))),
      410,
      "was used by 3 devices",
    ],
    [
      "a code that was used",
      (world) => (world.do(planEnrolment(world, asks(2, byCode))), planEnrolment(world, asks(3, byCode))),
      401,
      "used",
    ],
    ["approve nobody", (world) => planApproval(world, "0000-0000-0000", { device: "pi-9" }, NOW_MS), 404, "no device asks"],
    ["another's id", (world) => planApproval(world, keyAt(0).code, { device: "pi-1" }, NOW_MS), 409, "--replaces pi-1"],
    ["a second id", (world) => planApproval(world, keyAt(1).code, { device: "pi-9" }, NOW_MS), 409, 'is "pi-1" already'],
    ["replace nobody", (world) => planApproval(world, keyAt(0).code, { device: "pi-9", replaces: "pi-8" }, NOW_MS), 404, "to be replaced"],
    ["deny a device", (world) => planDenial(world, keyAt(1).code, undefined), 409, "iot device disable pi-1"],
    ["disable nobody", (world) => planDisabling(world, "pi-9", "stolen", NOW_MS), 404, "there is no device"],
    ["a code for a device", (world) => planCode(world, "pi-1", "c", NOW_MS), 409, "--replaces pi-1"],
    [
      "a token's name twice",
      (world) => planBootstrap(world, { name: "spring", maxDevices: 1, days: 1, digest: "d", nowMs: NOW_MS }),
      409,
      "already",
    ],
    ["another's key", (world) => planKey(approvedAs(world, 0, "pi-0"), "pi-1", keyAt(0)), 409, "another device's"],
    ["a key for a disabled one", (world) => planKey(disabled(world), "pi-1", keyAt(3)), 403, "iot device enable"],
    [
      "approve a disabled one",
      (world) => planApproval(disabled(world), keyAt(1).code, { device: "pi-1" }, NOW_MS),
      409,
      "iot device enable",
    ],
    ["a person's name twice", (world) => (world.do(planPerson(world, anna)), planPerson(world, anna)), 409, "already"],
    ["remove nobody", (world) => planPersonRemoval(world, "anna"), 404, "no person"],
  ];
  const anna: Person = { name: "anna", sha256: "x", role: "admin" };
  const approvedAs = (world: World, index: number, device: string): World => {
    world.do(planApproval(world, keyAt(index).code, { device }, NOW_MS));
    return world;
  };
  const disabled = (world: World): World => {
    world.do(planDisabling(world, "pi-1", "stolen", NOW_MS));
    return world;
  };
  test.each(refusals)("%s", (_what, deed, status, why) => {
    const world = scene();
    expect(deed(world)).toEqual({ kind: "refused", refusal: { status, why: expect.stringContaining(why) as unknown } });
  });

  test("the thousand-and-first that waits", () => {
    const world = scene();
    const request = world.request(keyAt(0).code).value;
    for (let index = 1; index < 1_000; index += 1) {
      const code = `0000-0000-${String(index).padStart(4, "0")}`;
      expect(world.write({ bucket: "enrolments", key: `request.${code}`, document: { ...request, code }, expected: 0 })).toBe(true);
    }
    expect(planEnrolment(world, asks(3, byToken))).toMatchObject({ kind: "refused", refusal: { status: 429, retryAfterS: 60 } });
  });
});

describe("a key that asked before", () => {
  const place = { issuer: "https://enrol.example", project: "iot", nats: { urls: ["nats://n:4222"] } };
  test("is answered as before when its token is over or used up", () => {
    const world = scene();
    world.do(planEnrolment(world, asks(2, byToken)));
    const late = NOW_MS + 60 * 86_400_000;
    for (const index of [0, 2]) expect(planEnrolment(world, asks(index, byToken, late))).toMatchObject({ kind: "do", writes: [] });
    expect(planEnrolment(world, asks(1, null, late))).toMatchObject({
      kind: "do",
      writes: [],
      answer: { device: "pi-1", state: "approved" },
    });
  });

  test("is no device's any more when another took its place", () => {
    const world = scene();
    world.do(planApproval(world, keyAt(0).code, { device: "pi-1", replaces: "pi-1" }, NOW_MS));
    const lost = world.request(keyAt(1).code).value;
    const taken = world.request(keyAt(0).code).value;
    if (lost === null || taken === null) throw new Error("there is no request");
    expect(answerRequest(world, lost, place)).toMatchObject({ kind: "refused", refusal: { status: 410 } });
    expect(answerRequest(world, taken, place)).toMatchObject({ kind: "answer", answer: { state: "approved", device: "pi-1" } });
    expect(world.device("pi-1").value).toMatchObject({ tokensNotBefore: NOW_S + 2, labels: { site: "north" } });
  });
});

test("two keys are good until the new one is used; one that asks again takes the place of the one not used", () => {
  const world = scene();
  const ids = (): string[] => world.device("pi-1").value?.keys.map(({ keyId }) => keyId) ?? [];
  world.do(planKey(world, "pi-1", keyAt(2)));
  world.do(planKey(world, "pi-1", keyAt(3)));
  expect(ids()).toEqual([keyAt(1).keyId, keyAt(3).keyId]);
  world.do(planKeyUsed(world, "pi-1", keyAt(1).keyId));
  expect(ids()).toEqual([keyAt(1).keyId, keyAt(3).keyId]);
  world.do(planKeyUsed(world, "pi-1", keyAt(3).keyId));
  expect(ids()).toEqual([keyAt(3).keyId]);
});

test("tokens of before never count again, however soon one thing follows the other", () => {
  const world = scene();
  const from = (): number => world.device("pi-1").value?.tokensNotBefore ?? 0;
  const times = [from()];
  for (const deed of [planDisabling, planDisabling]) {
    world.do(deed(world, "pi-1", "stolen", NOW_MS));
    times.push(from());
    world.do(planEnabling(world, "pi-1"));
  }
  world.do(planApproval(world, keyAt(0).code, { device: "pi-1", replaces: "pi-1" }, NOW_MS));
  times.push(from());
  expect(times).toEqual([1, 2, 3, 4].map((second) => NOW_S + second));
});

test("a bucket of grants that was wiped is made anew from the records", () => {
  const world = scene();
  world.do(planDisabling(world, "pi-1", "stolen", NOW_MS));
  const before = world.content();
  world.wipeGrants();
  expect(world.do(planRepair(world, issuer))).toMatchObject({ kind: "do", answer: 2 });
  expect(world.content()).toEqual(before);
  expect(planRepair(world, issuer)).toMatchObject({ kind: "do", writes: [] });
  const other = { ...issuer, issuer: "https://other.example" };
  expect(planRepair(world, other)).toMatchObject({ kind: "refused", refusal: { status: 409 } });
});

test("after any history of deeds and cuts, a key is one device's, an id has one key, and no token let in more than it may", () => {
  const names = ["pi-0", "pi-1", "pi-2"] as const;
  const step = fc.record({
    deed: fc.nat(9),
    key: fc.nat(3),
    device: fc.constantFrom(...names),
    other: fc.constantFrom(...names),
    cut: fc.option(fc.nat(3)),
  });
  const planOf = (
    world: World,
    { deed, key, device, other }: { deed: number; key: number; device: string; other: string },
  ): Plan<unknown> => {
    const { code, keyId } = keyAt(key);
    const plans: readonly (() => Plan<unknown>)[] = [
      () => planEnrolment(world, asks(key, byToken)),
      () => planEnrolment(world, asks(key, byCode)),
      () => planApproval(world, code, { device }, NOW_MS),
      () => planApproval(world, code, { device, replaces: other }, NOW_MS),
      () => planDenial(world, code, undefined),
      () => planDisabling(world, device, "stolen", NOW_MS),
      () => planEnabling(world, device),
      () => planKey(world, device, keyAt(key)),
      () => planKeyUsed(world, device, keyId),
      () => planCode(world, device, "code", NOW_MS),
    ];
    return (plans[deed] ?? plans[0])?.() ?? planRepair(world, issuer);
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const world = new World();
      world.do(planBootstrap(world, { name: "spring", maxDevices: 2, days: 30, digest: "token", nowMs: NOW_MS }));
      for (const { cut, ...asked } of steps) {
        const hadCode = world.code("code").value !== null;
        if (asked.deed === 9 && hadCode) continue;
        world.do(planOf(world, asked), cut ?? Infinity);
        const held = world.devices().flatMap((record) => record.keys.map(({ keyId }) => keyId));
        expect(new Set(held).size).toBe(held.length);
        const { used = 0 } = world.bootstrap("spring").value ?? {};
        expect(used).toBeLessThanOrEqual(2);
        expect(world.requests().filter(({ bootstrap }) => bootstrap === "spring").length).toBeLessThanOrEqual(used);
        for (const { state, device = "" } of world.requests()) if (state === "approved") expect(world.device(device).value).not.toBeNull();
      }
      world.do(planRepair(world, issuer));
      for (const record of world.devices()) {
        expect(world.grant(record.device).value).toBe(canonicalJson(grantOf(record)));
        expect(record.keys.every(({ keyId }) => holderOf(world, keyId)?.device === record.device)).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
});
