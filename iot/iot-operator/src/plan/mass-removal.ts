// A source that suddenly has nothing (a moved folder, a pruned namespace) does not empty the fleet: when more than ten entries and more
// than a fifth of all would go in one pass, they stay until a person confirms exactly these.

import { createHash } from "node:crypto";
import type { DeviceId } from "@iot/contracts";

/** An entry that would go from a device, and nothing would take its place. */
export interface Removal {
  readonly device: DeviceId;
  readonly name: string;
}

export interface MassRemoval {
  readonly removals: readonly Removal[];
  readonly ofEntries: number;
  /** Stands for exactly these removals. */
  readonly token: string;
  /** For a person: what would go, and how to confirm it. */
  readonly message: string;
}

const REMOVALS_WITHOUT_ASKING = 10;
const SHARE_WITHOUT_ASKING = 1 / 5;
const NAMES_SHOWN = 20;

/** null: few enough to go without being asked about. */
export function massRemoval(removals: readonly Removal[], ofEntries: number): MassRemoval | null {
  if (removals.length <= REMOVALS_WITHOUT_ASKING || removals.length <= ofEntries * SHARE_WITHOUT_ASKING) return null;
  const token = createHash("sha256").update(removals.map(entryKey).toSorted().join("\n")).digest("hex").slice(0, 12);
  return { removals, ofEntries, token, message: message(removals, ofEntries, token) };
}

function message(removals: readonly Removal[], ofEntries: number, token: string): string {
  const names = [...Map.groupBy(removals, ({ name }) => name)].map(
    ([name, of]) => `${name} from ${of.length === 1 ? of[0]?.device : `${of.length} devices`}`,
  );
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "";
  return (
    `MassRemoval: ${removals.length} of ${ofEntries} entries would go (${names.slice(0, NAMES_SHOWN).join(", ")}${more}) and stay until this is confirmed: ` +
    `put them back in the source, or start the operator with IOT_CONFIRM_MASS_REMOVAL=${token}`
  );
}

/** Remembers what was confirmed: it may take several passes, each with less left to remove, and so with another token. */
export class RemovalConsent {
  readonly #token: string | undefined;
  readonly #confirmed = new Set<string>();

  constructor(token: string | undefined) {
    this.#token = token;
  }

  allows({ removals, token }: MassRemoval): boolean {
    const entries = removals.map(entryKey);
    if (token === this.#token) for (const entry of entries) this.#confirmed.add(entry);
    return entries.every((entry) => this.#confirmed.has(entry));
  }
}

function entryKey({ device, name }: Removal): string {
  return `${device}.${name}`;
}
