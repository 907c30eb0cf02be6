// What the source shows of an entry that it no longer asks for: a deletion that was seen, or none,
// and then the entry is lost and stays. This is the first table of docs/removal.md, a row at a
// time. Pure. When a deletion may go is judge.ts's.

import type { CompleteSnapshot, DeletingObject, GitEvidence, KubernetesEvidence, SourceDeployment } from "../../sources/source.ts";
import { type Entry, type How, isSame, keyOf, type LostEntry, objectOf, type RemovalRecord } from "./record.ts";
import type { Reason } from "../../sources/reasons.ts";

export type Finding =
  | { readonly kind: "deleted"; readonly how: Exclude<How, "consent">; readonly why: string }
  | { readonly kind: "lost"; readonly reason: string; readonly why: string }
  /** It cannot be reported now: it stays until it can. */
  | { readonly kind: "unknown"; readonly why: string };

/** An entry of a manifest, at the generation that was written there. */
export interface ManifestedEntry extends Entry {
  readonly generation: number;
}

/** The one loss of git that ends by itself: at a commit in which all is readable. */
export const UNREADABLE_FILES = "UnreadableFiles" satisfies Reason;

const lost = (reason: Reason, why: string): Finding => ({ kind: "lost", reason, why });
/** It is lost as the record says, which may hold a reason of another version. */
const asBefore = ({ reason, why }: LostEntry): Finding => ({ kind: "lost", reason, why });

/** Classifies every entry by what was found in one reading of the source. */
export function classifier(source: CompleteSnapshot, record: RemovalRecord): (entry: ManifestedEntry) => Finding {
  const known = new Map(record.lost.map((entry) => [keyOf(entry), entry]));
  const knownAs = (entry: Entry): LostEntry | null => {
    const found = known.get(keyOf(entry));
    return found !== undefined && isSame(found, entry) ? found : null;
  };
  const { evidence } = source;
  if (evidence === null) return () => lost("NoEvidence", "the source does not tell whether it was deleted");
  if (evidence.kind === "git") return (entry) => ofGit(evidence, record, entry, knownAs(entry));
  const deleting = new Map(source.deleting.map((object) => [object.uid, object]));
  const present = new Map(source.deployments.map((deployment) => [objectOf(deployment), deployment]));
  return (entry) =>
    ofKubernetes(evidence, entry, { deleting: deleting.get(entry.uid), present: present.get(objectOf(entry)), was: knownAs(entry) });
}

interface Objects {
  /** The object of this entry, if it is being deleted. */
  readonly deleting: DeletingObject | undefined;
  /** The object that has its name now, if it is not being deleted. */
  readonly present: SourceDeployment | undefined;
  readonly was: LostEntry | null;
}

function ofKubernetes(evidence: KubernetesEvidence, entry: ManifestedEntry, { deleting, present, was }: Objects): Finding {
  if (was?.reason === "Kept") return lost("Kept", was.why);
  if (deleting !== undefined) return ofDeletion(evidence, deleting);
  if (present === undefined) {
    return lost("NotSeenDeleted", `${objectOf(entry)} is not in the cluster any more, and its deletion was not seen`);
  }
  if (present.uid !== entry.uid) {
    return lost("OtherObject", `${objectOf(entry)} is another object than before, and does not list this device`);
  }
  if (present.generation > entry.generation) {
    return { kind: "deleted", how: "edit", why: `${objectOf(entry)} does not list this device since its generation ${present.generation}` };
  }
  return lost(
    "SourceWentBack",
    `${objectOf(entry)} does not list this device, but is of generation ${present.generation}, and generation ${entry.generation} did: the cluster was restored from an older copy`,
  );
}

/** Its CRD and its namespace were read after it was seen: who deletes them marks them first. */
function ofDeletion({ crd, namespaces }: KubernetesEvidence, object: DeletingObject): Finding {
  if (object.keeps === true) return lost("Kept", `${objectOf(object)} was deleted with the annotation iot.nationtech.io/keep-on-devices`);
  const namespace = namespaces.get(object.namespace) ?? "unknown";
  if (crd === "unknown" || namespace === "unknown") {
    const what = crd === "unknown" ? "the resource definition" : `namespace ${object.namespace}`;
    return { kind: "unknown", why: `${objectOf(object)} is being deleted, and whether ${what} is too cannot be read` };
  }
  if (crd !== "present") {
    return lost(
      "CrdDeleted",
      `${objectOf(object)} went with its resource definition: kubectl apply -f iot/deploy/crd.yaml, and apply it again`,
    );
  }
  if (namespace === "gone") return lost("NamespaceGone", `${objectOf(object)} has no namespace any more, and its deletion was not seen`);
  if (namespace === "terminating") return { kind: "deleted", how: "collective", why: `namespace ${object.namespace} was deleted` };
  return { kind: "deleted", how: "by-name", why: `${objectOf(object)} was deleted` };
}

function ofGit(evidence: GitEvidence, record: RemovalRecord, entry: Entry, was: LostEntry | null): Finding {
  const { tip, followed, lineage, gave, unreadable } = evidence;
  const at = `commit ${tip.slice(0, 10)}`;
  // It was lost at a commit that was followed, and so is not in it: no later one can take it away.
  if (was !== null && was.reason !== UNREADABLE_FILES) return asBefore(was);
  if (tip === record.followed) {
    return was !== null ? asBefore(was) : lost("NotSeenDeleted", `${at} does not have it, and no commit was seen that takes it away`);
  }
  if (followed !== record.followed) return { kind: "unknown", why: "another operator of this source follows another commit" };
  if (lineage === "first") return lost("FirstSight", `${at} does not have it, and nothing is known of the commits before`);
  if (lineage === "rewritten") {
    return lost(
      "HistoryRewritten",
      `${at} does not have it, and does not follow from ${(followed ?? "").slice(0, 10)}: the branch was forced`,
    );
  }
  // What files that could not be read kept was in the commit before.
  if (was === null && gave.get(objectOf(entry))?.has(entry.device) !== true) {
    return lost("NotSeenDeleted", `${at} does not have it, and neither did ${(followed ?? "").slice(0, 10)}`);
  }
  if (unreadable.length > 0) {
    const [first] = unreadable;
    return lost(
      UNREADABLE_FILES,
      `${at} does not have it, but not all of that commit can be read: ${first?.path ?? ""}: ${first?.message ?? ""}`,
    );
  }
  return { kind: "deleted", how: "edit", why: `${at} takes it away` };
}
