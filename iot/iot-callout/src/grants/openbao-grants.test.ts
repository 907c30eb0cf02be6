// Between OpenBao and the bucket: who decides when both change at once, or the bucket takes
// nothing.

import { createLog } from "@harmony/runtime";
import type { BaoRead, KeptGrant } from "@iot/identity";
import type { DocumentStore, StoredText } from "@iot/messaging";
import { expect, onTestFinished, test } from "vitest";
import { OpenBaoGrants } from "./openbao-grants.ts";

const NOW_S = 1_000_000;
const approved: KeptGrant = { state: "approved", capabilities: ["status"] };
const disabled: KeptGrant = { state: "disabled", capabilities: ["status"] };
const found = (data: unknown): BaoRead => ({ kind: "found", version: 1, data });

function world(options: { readonly kept?: KeptGrant; readonly read: BaoRead; readonly meanwhile?: KeptGrant; readonly isFull?: boolean }) {
  let stored: StoredText | undefined = options.kept && { revision: 5, text: JSON.stringify(options.kept) };
  const lines: string[] = [];
  let reads = 0;
  const write = (expected: number, text: string | null) => {
    if (options.isFull === true) return Promise.reject(new Error("no space"));
    if ((stored?.revision ?? 0) !== expected) return Promise.resolve({ ok: false as const, reason: "Conflict" as const });
    stored = { revision: expected + 1, text };
    return Promise.resolve({ ok: true as const, revision: expected + 1 });
  };
  const bucket: Pick<DocumentStore, "heard" | "list" | "put" | "remove" | "close"> = {
    heard: () => stored,
    list: () => Promise.resolve(new Map()),
    put: (_key, document, expected) => write(expected, JSON.stringify(document)),
    remove: (_key, expected) => write(expected, null),
    close: () => Promise.resolve(),
  };
  const grants = new OpenBaoGrants({
    bucket,
    bao: {
      read: () => {
        reads += 1;
        if (options.meanwhile !== undefined) stored = { revision: 9, text: JSON.stringify(options.meanwhile) };
        return Promise.resolve(options.read);
      },
      close: () => undefined,
    },
    log: createLog({ name: "test", format: "json", write: (line) => void lines.push(line) }),
    signal: new AbortController().signal,
    clock: { now: () => NOW_S * 1_000 },
  });
  onTestFinished(() => grants.close());
  return { grants, lines, reads: () => reads, stored: () => stored };
}

test("what OpenBao says is kept, and not asked for again for some minutes", async () => {
  const { grants, reads, stored } = world({ read: found(approved) });
  expect(await grants.of("pi-1")).toEqual(approved);
  expect(await grants.of("pi-1")).toMatchObject(approved);
  expect([reads(), JSON.parse(stored()?.text ?? "")]).toEqual([1, { ...approved, readAtS: NOW_S }]);
});

test("the enrolment service's own word is newer than what OpenBao said meanwhile", async () => {
  const { grants, stored } = world({ kept: { ...approved, readAtS: NOW_S - 400 }, read: found(approved), meanwhile: disabled });
  expect(await grants.of("pi-1")).toEqual(disabled);
  expect(JSON.parse(stored()?.text ?? "")).toEqual(disabled);
});

test("nobody asks OpenBao about the service's own word", async () => {
  const { grants, reads } = world({ kept: disabled, read: found(approved) });
  expect(await grants.of("pi-1")).toEqual(disabled);
  expect(reads()).toBe(0);
});

test("a bucket that takes nothing keeps no device out, and is said once", async () => {
  const { grants, lines } = world({ read: found(approved), isFull: true });
  expect([await grants.of("pi-1"), await grants.of("pi-1")]).toEqual([approved, approved]);
  expect(lines.filter((line) => line.includes("is not kept in the bucket"))).toHaveLength(1);
});
