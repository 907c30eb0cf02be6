// What must hold of any document: it is refused in few plain sentences, or a device can do what it
// asks. Then its label reads like itself, what is sent to Podman is whole, the plans come to rest,
// and nothing that runs is made anew for it.

import { isDeepStrictEqual } from "node:util";
import { formatIssues } from "@harmony/core";
import { canonicalJson } from "@harmony/schema";
import { APPLICATION } from "../application.ts";
import { applyStep, pass } from "../model-world.ts";
import { snapshot } from "../scene.ts";
import { withDefaults } from "../../src/model/container-defaults.ts";
import { imageReference } from "../../src/model/names.ts";
import type { Snapshot } from "../../src/model/snapshot.ts";
import { plan } from "../../src/plan/planner.ts";
import { explain } from "../../src/report/explain.ts";
import { podmanV0Parser } from "../../src/score/parse-podman-v0.ts";
import { denied } from "../../src/score/policy.ts";
import type { PodmanV0 } from "../../src/score/podman-v0-schema.ts";
import { scoreOfLabel } from "../../src/score/score-label.ts";

const PASSES = 6;
const parse = podmanV0Parser(APPLICATION);
const OBEYED = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

/** Gives what does not hold, or null. */
export function judge(document: unknown): { readonly accepted: boolean; readonly wrong: string | null } {
  const parsed = parse(document);
  if (!parsed.ok) {
    const words = formatIssues(parsed.issues);
    const isFit = parsed.issues.length >= 1 && parsed.issues.length <= 20 && !OBEYED.test(words) && words.length < 10_000;
    return { accepted: false, wrong: isFit ? null : "it is refused in too many or unfit words" };
  }
  return { accepted: true, wrong: wrongWith(document, parsed.value) };
}

function wrongWith(document: unknown, score: PodmanV0): string | null {
  const scoreString = `{"type":"PodmanV0","data":${canonicalJson(document)}}`;
  const label = scoreOfLabel(scoreString);
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(label)), JSON.parse(JSON.stringify(score)))) return "its label reads otherwise";
  const closed = snapshot();
  denied(closed.policy, score, APPLICATION.program);
  const desired = { name: "app", revision: "2", scoreString, data: score, hold: null };
  let world = worldFor(score);
  for (let left = PASSES; left > 0; left -= 1) {
    const { steps, blocked } = plan(desired, world);
    if (blocked.length > 0) return `it is blocked: ${blocked[0]?.message}`;
    if (steps.length === 0) {
      explain(desired, world, plan(desired, world));
      return null;
    }
    for (const step of steps) {
      const unfit = step.kind === "create" ? unfitValue(withDefaults(step.spec, world.controllers)) : null;
      if (unfit !== null) return `Podman is sent ${unfit}`;
      world = applyStep(world, step);
    }
    world = pass(world);
  }
  return `its plans do not come to rest: ${plan(desired, world)
    .steps.map(({ kind }) => kind)
    .join(", ")}`;
}

/** A device that has whatever the Score asks of it. */
export function worldFor({ services }: PodmanV0): Snapshot {
  const names = services.flatMap(({ secrets, env }) => [
    ...secrets.map(({ name }) => name),
    ...Object.values(env).flatMap((value) => (typeof value === "object" && "secret" in value ? [value.secret] : [])),
  ]);
  const labels = services.flatMap(({ env }) =>
    Object.values(env).flatMap((value) => (typeof value === "object" && "device" in value ? [value.device.replace("labels.", "")] : [])),
  );
  const paths = services.flatMap(({ volumes }) => volumes.flatMap((mount) => (mount.kind === "hostPath" ? [mount.source] : [])));
  const nodes = services.flatMap(({ devices }) => devices.map(({ node }) => node));
  return snapshot({
    device: { id: "pi-01", labels: Object.fromEntries(labels.map((name) => [name, "x"])), bootId: "boot-1" },
    images: services.map(({ image }) => imageReference(image)),
    controllers: ["cpu", "memory", "pids"],
    host: {
      secrets: Object.fromEntries(names.map((name) => [name, { kind: "present", digest: "0".repeat(20) }])),
      devices: Object.fromEntries(nodes.map((node) => [node, { kind: "present", sinceMs: 0 }])),
      paths: Object.fromEntries(paths.map((path) => [path, { kind: "present", real: path }])),
      mountsFolder: "/var/lib/iot-agent/mounts",
      mounts: [],
      secretsFolder: "/etc/iot-agent/secrets",
    },
  });
}

function unfitValue(spec: unknown): string | null {
  const pending: unknown[] = [spec];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value === "number" && !Number.isSafeInteger(value)) return `the number ${value}`;
    if (typeof value === "string" && value.includes("\0")) return "a NUL";
    if (typeof value === "object" && value !== null) for (const entry of Object.entries<unknown>({ ...value })) pending.push(...entry);
  }
  return null;
}
