// Changes a document at random places, by what has broken readers before: parts taken from
// elsewhere in it, repeated, nested or left out, names that every object has, odd numbers and odd
// characters. The same seed gives the same changes.

import type { Random } from "@iot/testkit";
import { SCORE_LIMITS } from "../../src/score/limits.ts";

const KEYS =
  "name image pull ports entrypoint command env volumes tmpfs files secrets devices network restart healthcheck path content mode"
    .concat(
      " stopTimeoutSeconds stopSignal init resources user workingDir noNewPrivileges capAdd capDrop logging readOnly secret device test",
    )
    .concat(" interval retries memory cpus pids driver maxSize services constructor __proto__ toString hasOwnProperty length")
    .split(" ");
const TEXTS = [
  "",
  "\0",
  "\n",
  "\u2028",
  "\ud800",
  "'",
  '"',
  "\\",
  ":",
  "/",
  "..",
  "=",
  "dir:/a",
  "10.0.0.1:80:80",
  "80:80",
  "/a:/b",
  "99999h",
].concat(["id", "labels.constructor", "labels.__proto__", "SIGKILL", "1Gi", "999999999999G", "ALL", "no", "host", "[::1]:1:1", "0", "1e9"]);
const NUMBERS = [0, -1, 1, 0.1, 64, 65, 1e9, 2 ** 53, -0, 1e308, 5e-324];

export function mutate(document: unknown, random: Random): unknown {
  let changed = document;
  for (let left = 1 + random(3); left > 0; left -= 1) changed = change(changed, document, random);
  return changed;
}

/** Goes down at random, and puts something else there. */
function change(value: unknown, whole: unknown, random: Random): unknown {
  const isLeaf = typeof value !== "object" || value === null;
  if (isLeaf || random(6) === 0) return instead(value, whole, random);
  if (Array.isArray(value)) return changeList(value, whole, random);
  const entries = Object.entries<unknown>({ ...value });
  const at = random(entries.length + 1);
  const [key, member] = entries[at] ?? [KEYS[random(KEYS.length)] ?? "", part(whole, random)];
  if (random(8) === 0) return mapOf(entries.toSpliced(at, 1));
  const name = random(8) === 0 ? (KEYS[random(KEYS.length)] ?? "") : key;
  return mapOf(entries.toSpliced(at, 1, [name, change(member, whole, random)]));
}

function changeList(list: readonly unknown[], whole: unknown, random: Random): unknown {
  const at = random(list.length + 1);
  if (at === list.length) return [...list, part(whole, random)];
  switch (random(8)) {
    case 0:
      return list.toSpliced(at, 1);
    case 1:
      return list.toSpliced(at, 0, list[at]);
    case 2:
      return repeated(list, random);
    default:
      return list.with(at, change(list[at], whole, random));
  }
}

/** As long as the limit of some list, or by one longer. */
function repeated(list: readonly unknown[], random: Random): unknown[] {
  const limits = [SCORE_LIMITS.services.most, SCORE_LIMITS.ports.most, SCORE_LIMITS.devices.most];
  const length = (limits[random(limits.length)] ?? 0) + random(2);
  return Array.from({ length }, (_, index) => list[index % Math.max(1, list.length)]);
}

function instead(value: unknown, whole: unknown, random: Random): unknown {
  const text = TEXTS[random(TEXTS.length)] ?? "";
  switch (random(9)) {
    case 0:
      return [value];
    case 1:
      return mapOf([[KEYS[random(KEYS.length)] ?? "", value]]);
    case 2:
      return NUMBERS[random(NUMBERS.length)];
    case 3:
      return [null, true, false, [], {}][random(5)];
    case 4:
      return part(whole, random);
    case 5:
      return text.repeat(random(10) === 0 ? SCORE_LIMITS.pathCharacters.most : 1);
    default: {
      if (typeof value !== "string") return typeof value === "number" ? value + random(3) - 1 : text;
      const at = random(value.length + 1);
      return value.slice(0, at) + text + value.slice(at + random(2));
    }
  }
}

/** Some part of the document. */
function part(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || random(4) === 0) return value;
  const members: unknown[] = Object.values(value);
  return members.length === 0 ? value : part(members[random(members.length)], random);
}

/** Takes `__proto__` for a name like any other, as JSON.parse does. */
function mapOf(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries);
}
