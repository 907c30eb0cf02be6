// What people read of removals: in /readyz, in the log, on the object, in `iot status` and in
// the audit. Pure.

import type { ObjectNews } from "../../sources/source.ts";
import { type Entry, type HeldEntry, isFullOfHeld, keyOf, objectOf, type RemovalRecord, tokenOf } from "./record.ts";
import type { Reason } from "../../sources/reasons.ts";

const NAMES_SHOWN = 10;

const NATURAL = new Intl.Collator("en", { numeric: true });

/** `a from pi-1, b from 12 devices and 3 more`, in natural order. */
export function entriesText(entries: readonly Entry[], word: "from" | "on"): string {
  const names = [...Map.groupBy(entries, objectOf)]
    .toSorted(([a], [b]) => NATURAL.compare(a, b))
    .map(([object, of]) => `${object} ${word} ${of.length === 1 ? of[0]?.device : `${of.length} devices`}`);
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
  return `${names.slice(0, NAMES_SHOWN).join(", ")}${more}`;
}

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

/** They are reported when there is room, after these. */
function moreText({ more }: RemovalRecord): string {
  return more === 0 ? "" : `, and ${more} more for which the record has no room`;
}

/** null: nothing is held. */
export function heldText(record: RemovalRecord): string | null {
  const { held } = record;
  if (held.length === 0) return null;
  const more = isFullOfHeld(record) ? moreText(record) : "";
  return (
    `held: ${counted(held.length, "removal")} (${entriesText(held, "from")})${more} until a person says: ` +
    `iot confirm ${tokenOf(held)} removes, iot keep NAME keeps them on the devices`
  );
}

/** null: nothing is lost. */
export function lostText(record: RemovalRecord): string | null {
  const { lost } = record;
  const [first] = lost;
  if (first === undefined) return null;
  return (
    `lost: ${lost.length === 1 ? "1 entry" : `${lost.length} entries`} (${entriesText(lost, "on")})${moreText(record)} that the source does not have and whose deletion was not seen ` +
    `(${first.reason}: ${first.why}): put back what is to stay; iot confirm ${tokenOf(lost)} removes`
  );
}

/** On the object that was deleted or changed: what of it is held, and what a person may do. */
export function heldObjectText(of: readonly HeldEntry[], held: readonly HeldEntry[]): string {
  const isOf = (kind: HeldEntry["how"]): boolean => of.some(({ how }) => how === kind);
  const all = of.length === held.length ? "" : `, and iot confirm ${tokenOf(held)} all ${held.length} that are held`;
  const byName = `iot keep ${of[0]?.name ?? ""}`;
  const annotation = "the annotation iot.nationtech.io/keep-on-devices=true";
  // The annotation counts on an object that is being deleted, and "iot keep" is one name's.
  const keep = isOf("collective")
    ? `${annotation} keeps it there`
    : isOf("edit")
      ? `${byName} keeps it there`
      : `${byName}, or ${annotation}, keeps it there`;
  return (
    `its removal from ${counted(of.length, "device")} is held, because much would go at once: ` +
    `iot confirm ${tokenOf(of)}, or the annotation iot.nationtech.io/confirm-removal=${tokenOf(of)}, removes it${all}; ${keep}`
  );
}

export interface RecordChange {
  readonly what: "removed" | "held" | "lost";
  readonly entries: readonly Entry[];
  readonly message: string;
}

/** What a record has that it did not have before. */
function newIn(before: RemovalRecord, after: RemovalRecord): Pick<RemovalRecord, "removed" | "held" | "lost"> {
  const added = <Of extends Entry>(was: readonly Of[], is: readonly Of[]): readonly Of[] => {
    const known = new Set(was.map(lineOf));
    return is.filter((entry) => !known.has(lineOf(entry)));
  };
  return { removed: added(before.removed, after.removed), held: added(before.held, after.held), lost: added(before.lost, after.lost) };
}

/** What is new in a record, for each object of the source. */
export function newsOf(before: RemovalRecord, after: RemovalRecord): ObjectNews[] {
  const { removed, held, lost } = newIn(before, after);
  const [confirmed, went] = [removed.filter(({ how }) => how === "consent"), removed.filter(({ how }) => how !== "consent")];
  const [kept, missing] = [lost.filter(({ reason }) => reason === "Kept"), lost.filter(({ reason }) => reason !== "Kept")];
  return [
    ...newsAbout(held, { reason: "RemovalHeld", isWarning: true, say: (of) => heldObjectText(of, after.held) }),
    ...newsAbout(missing, { reason: "RemovalLost", isWarning: true, say: (of) => `it stays on ${devicesText(of)}: ${of[0]?.why ?? ""}` }),
    ...newsAbout(kept, { reason: "Kept", isWarning: false, say: (of) => `it stays on ${devicesText(of)}: ${of[0]?.why ?? ""}` }),
    ...newsAbout(confirmed, {
      reason: "RemovalConfirmed",
      isWarning: false,
      say: (of) => `it goes from ${devicesText(of)}: ${of[0]?.why ?? ""}`,
    }),
    ...newsAbout(went, { reason: "Removed", isWarning: false, say: (of) => `it goes from ${devicesText(of)}: ${of[0]?.why ?? ""}` }),
  ];
}

function newsAbout<Of extends Entry>(
  entries: readonly Of[],
  { say, ...what }: { readonly reason: Reason; readonly isWarning: boolean; readonly say: (of: readonly Of[]) => string },
): ObjectNews[] {
  return [...Map.groupBy(entries, ({ uid }) => uid)].flatMap(([uid, of]) => {
    const [first] = of;
    return first === undefined ? [] : [{ uid, namespace: first.namespace, name: first.name, ...what, message: say(of) }];
  });
}

function devicesText(of: readonly Entry[]): string {
  return of.length === 1 ? (of[0]?.device ?? "") : `${of.length} devices`;
}

/** What is new in a record, a sentence each. */
export function changesOf(before: RemovalRecord, after: RemovalRecord): RecordChange[] {
  const { removed, held, lost } = newIn(before, after);
  const changes = (
    what: RecordChange["what"],
    entries: readonly (Entry & { readonly why: string })[],
    word: "from" | "on",
  ): RecordChange[] =>
    entries.length === 0 ? [] : [{ what, entries, message: `${entriesText(entries, word)}: ${entries[0]?.why ?? ""}` }];
  return [...changes("removed", removed, "from"), ...changes("held", held, "from"), ...changes("lost", lost, "on")];
}

function lineOf(entry: Entry & { readonly atMs?: number }): string {
  return `${keyOf(entry)}/${entry.namespace}/${entry.uid}/${entry.atMs ?? ""}`;
}
