import type { Parsed } from "@harmony/core";
import { asDeviceId, emptyManifest, type Manifest } from "@iot/contracts";
import { expect, test } from "vitest";
import { SILENT_FOR_MS, whyNotForgotten } from "./forget-device.ts";

const NOW_MS = Date.parse("2026-06-02T12:00:00Z");
const device = asDeviceId("pi-7");
const old = { revision: 3, writtenAtMs: NOW_MS - SILENT_FOR_MS };
const nobody = { status: null, inventory: null };
const EMPTY: Parsed<Manifest> = { ok: true, value: emptyManifest() };

function meantFor(...names: string[]): Parsed<Manifest> {
  const entry = { revision: 1, generation: 1, uid: "u", source: "git:a", namespace: "default" };
  return { ok: true, value: { sources: [], deployments: Object.fromEntries(names.map((name) => [name, entry])) } };
}

/** `manifest` null: there is none. */
function whyNot(manifest: Parsed<Manifest> | null, known: Parameters<typeof whyNotForgotten>[1]["known"], isGone = false): string | null {
  const manifests = new Map([[asDeviceId("pi-9"), { revision: 1, manifest: EMPTY, isGone: false }]]);
  if (manifest !== null) manifests.set(device, { revision: 2, manifest, isGone });
  return whyNotForgotten(device, { snapshot: { manifests }, known, nowMs: NOW_MS })?.message ?? null;
}

test.each<[string, string | null, string | RegExp | null]>([
  ["silent for 24 h, and nothing is meant for it", whyNot(EMPTY, { status: old, inventory: old }), null],
  ["silent for 24 h, without a manifest", whyNot(null, { status: old, inventory: null }), null],
  ["misspelt once, and it never reported", whyNot(EMPTY, nobody), null],
  [
    "heard a minute less ago",
    whyNot(EMPTY, { status: { ...old, writtenAtMs: old.writtenAtMs + 60_000 }, inventory: null }),
    /2026-06-02T12:01:00Z/,
  ],
  [
    "its inventory is newer",
    whyNot(EMPTY, { status: old, inventory: { revision: 4, writtenAtMs: NOW_MS - 90_000 } }),
    /reported 2 min ago.*24 h/,
  ],
  [
    "something is meant for it",
    whyNot(meantFor("hello", "meter"), { status: old, inventory: old }),
    /run hello, meter: take it out of their targetDevices/,
  ],
  [
    "its manifest cannot be read",
    whyNot({ ok: false, issues: [{ path: [], message: "no JSON" }] }, { status: old, inventory: old }),
    /cannot be read/,
  ],
  ["nobody knows it", whyNot(null, nobody), 'nothing is known of a device "pi-7": do you mean "pi-9"?'],
  ["it was forgotten already", whyNot(EMPTY, nobody, true), /nothing is known/],
])("%s", (_what, why, expected) => {
  if (typeof expected === "object" && expected !== null) expect(why).toMatch(expected);
  else expect(why).toBe(expected);
});
