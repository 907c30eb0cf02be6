// The world itself, and not the operator, says here who may drop what: a deletion as the tables
// have it, or a consent, since it was last asked for. Whatever leaves a manifest, or a device,
// without one is the fault that the histories look for.

import type { DeviceId, Manifest } from "@iot/contracts";
import type { Commit } from "./repository.ts";
import { consentsOf, isAncestor } from "./repository.ts";

interface Named {
  readonly device: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

const lineOf = ({ device, namespace, name, uid }: Named): string => `${device}/${namespace}/${name}/${uid}`;

export class Oracle {
  #tick = 0;
  /** The highest generation that left a manifest. */
  readonly #gone = new Map<string, number>();
  /**
   * What was deleted or given up, and not asked for since, or when a copy was made that was put
   * back.
   */
  #licences = new Set<string>();
  /** When it left its manifest, whichever object it was. */
  readonly #left = new Map<string, number>();
  /** What was ever written. */
  readonly #written = new Set<string>();
  /**
   * What is asked for again while the record has it judged: it may go until an operator sees that.
   */
  #doubtful = new Set<string>();
  /** What a commit that is not readable in all took away. */
  #pending = new Set<string>();

  get tick(): number {
    return this.#tick;
  }

  allow(entry: Named): void {
    this.#licences.add(lineOf(entry));
    this.#doubtful.delete(lineOf(entry));
  }

  /** It is asked for again. `due`: what the record has judged. */
  revoke(entry: Named, due: readonly Named[]): void {
    const line = lineOf(entry);
    if (due.some((each) => lineOf(each) === line)) this.#doubtful.add(line);
    else this.#licences.delete(line);
  }

  /**
   * An operator wrote the record: what is not judged any more was seen to be asked for, or is gone.
   */
  recordWritten(due: readonly Named[]): void {
    const judged = new Set(due.map(lineOf));
    for (const line of this.#doubtful) {
      if (judged.has(line)) continue;
      this.#doubtful.delete(line);
      this.#licences.delete(line);
    }
  }

  /** What may go now. */
  get licences(): ReadonlySet<string> {
    return new Set(this.#licences);
  }

  /**
   * An entry that leaves without a licence is an error that says which. `planned`: what might go
   * when it was planned.
   */
  manifestWritten(
    device: DeviceId,
    { before, after, planned }: { before: Manifest | null; after: Manifest; planned: ReadonlySet<string> },
  ): void {
    this.#tick += 1;
    for (const [name, entry] of Object.entries(before?.deployments ?? {})) {
      if (after.deployments[name]?.namespace === entry.namespace) continue;
      const line = lineOf({ device, name, namespace: entry.namespace, uid: entry.uid });
      if (!this.#licences.has(line) && !planned.has(line)) throw new Error(`${line} left the manifest, and nobody deleted it`);
      this.#left.set(`${device}/${entry.namespace}/${name}`, this.#tick);
      this.#gone.set(line, Math.max(entry.generation, this.#gone.get(line) ?? 0));
    }
    for (const [name, { namespace, uid }] of Object.entries(after.deployments)) this.#written.add(lineOf({ device, name, namespace, uid }));
  }

  /**
   * A device drops only what left its manifest since it took it, or has no later generation than
   * what ever left it: a store may be put back, and then put back to a later copy.
   */
  dropped(entry: Named & { readonly generation: number }, takenAt: number): void {
    const { device, namespace, name } = entry;
    const line = `${device}/${namespace}/${name}`;
    if (entry.generation <= (this.#gone.get(lineOf(entry)) ?? 0)) return;
    if ((this.#left.get(line) ?? 0) <= takenAt) throw new Error(`${line} left the device, and nobody deleted it`);
  }

  /** With a copy of the store: putting that back brings back what was judged then. */
  copy(): () => void {
    const [licences, pending] = [new Set(this.#licences), new Set(this.#pending)];
    return () => {
      this.#licences = new Set([...this.#licences, ...licences]);
      this.#pending = new Set(pending);
    };
  }

  /** What this change of a repository's followed commit takes away. */
  followed(before: Commit | null, tip: Commit): void {
    const had = new Set([...linesOf(before), ...this.#pending]);
    const has = new Set(linesOf(tip));
    const gone = [...had].filter((line) => !has.has(line));
    const isDescendant = before !== null && isAncestor(before, tip);
    this.#pending = new Set(isDescendant && !tip.isReadable ? gone : []);
    const named = new Set(consentsOf(before, tip));
    // A trailer names what may have been lost long ago.
    for (const line of new Set([...this.#written, ...gone])) {
      const [, namespace, name] = line.split("/");
      if (has.has(line)) continue;
      const isGone = isDescendant && tip.isReadable && gone.includes(line);
      if (isGone || named.has(`${namespace}/${name}`)) this.#licences.add(line);
    }
    for (const line of has) this.#licences.delete(line);
  }
}

function linesOf(commit: Commit | null): string[] {
  return [...(commit?.content ?? [])].flatMap(([object, targets]) => {
    const [namespace = "", name = ""] = object.split("/");
    return targets.map((device) => lineOf({ device, namespace, name, uid: `git:ours/${object}` }));
  });
}
