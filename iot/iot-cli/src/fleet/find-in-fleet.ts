// Which devices run something, from what they report: an image, by its reference or its digest, or
// what a commit gave. A device that is silent counts by what it said last. Pure.

import type { DeploymentRow } from "@iot/fleet";

/** One service of a deployment on a device, or the deployment where its services are not known. */
export interface Found {
  readonly device: string;
  readonly deployment: string;
  readonly namespace: string | null;
  readonly service: string | null;
  readonly image: string | null;
  readonly digest: string | null;
  readonly commit: string | null;
  /** False: it is to run there, and another version or nothing does yet. */
  readonly runs: boolean;
  /** RFC 3339; null: not known. */
  readonly startedAt: string | null;
  readonly offline: boolean;
  readonly lastSeenSeconds: number | null;
}

export interface FoundInFleet {
  readonly found: readonly Found[];
  /** Deployments of which a device had no room to say what runs in them. */
  readonly unknown: number;
}

/** Of a digest so much has to be typed. */
const DIGEST_LETTERS = 8;

export type ImageQuery =
  | { readonly kind: "digest"; readonly prefix: string }
  | { readonly kind: "reference"; readonly name: string; readonly tag: string | null; readonly digest: string | null };

/** null: it is neither a reference nor a digest. */
export function readImageQuery(text: string): ImageQuery | null {
  if (text.startsWith("sha256:")) {
    return /^sha256:[0-9a-f]+$/.test(text) && text.length >= "sha256:".length + DIGEST_LETTERS ? { kind: "digest", prefix: text } : null;
  }
  const reference = partsOf(text);
  return reference === null ? null : { kind: "reference", ...reference };
}

export function findImage(rows: readonly DeploymentRow[], query: ImageQuery): FoundInFleet {
  const found = rows.flatMap((row) =>
    row.services
      .filter(({ image, imageDigest }) => isImage(query, image ?? "", imageDigest ?? null))
      .map(({ name, image, imageDigest, startedAt }): Found => ({
        ...common(row),
        service: name,
        image: image ?? null,
        digest: imageDigest ?? null,
        startedAt: startedAt ?? null,
        runs: row.runningRevision !== null,
      })),
  );
  return { found, unknown: rows.filter(({ services, runningRevision }) => services.length === 0 && runningRevision !== null).length };
}

/** What the manifests give of this commit, by its first letters. */
export function findCommit(rows: readonly DeploymentRow[], commit: string): FoundInFleet {
  const of = rows.filter((row) => row.commit?.startsWith(commit) === true);
  const found = of.map((row): Found => ({
    ...common(row),
    service: null,
    image: null,
    digest: null,
    startedAt: null,
    runs: row.runningRevision !== null && row.runningRevision === row.desiredRevision,
  }));
  return { found, unknown: 0 };
}

function common({ device, deployment, namespace, commit, offline, lastSeenSeconds }: DeploymentRow) {
  return { device, deployment, namespace, commit, offline, lastSeenSeconds };
}

function isImage(query: ImageQuery, image: string, digest: string | null): boolean {
  if (query.kind === "digest") return (digest ?? partsOf(image)?.digest ?? "").startsWith(query.prefix);
  const parts = partsOf(image);
  if (parts === null || parts.name !== query.name) return false;
  return (query.tag === null || query.tag === parts.tag) && (query.digest === null || query.digest === (digest ?? parts.digest));
}

/** `nginx:1` is `docker.io/library/nginx`, as Podman and Docker resolve it. */
function partsOf(reference: string): { readonly name: string; readonly tag: string | null; readonly digest: string | null } | null {
  const [, name, tag, digest] =
    /^([a-z0-9][a-z0-9._/-]*(?::\d+\/[a-z0-9._/-]+)?)(?::([\w.-]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference) ?? [];
  if (name === undefined) return null;
  const [host = "", ...path] = name.split("/");
  const hasHost = path.length > 0 && (host.includes(".") || host.includes(":") || host === "localhost");
  const full = hasHost ? name : path.length > 0 ? `docker.io/${name}` : `docker.io/library/${name}`;
  return { name: full, tag: tag ?? null, digest: digest ?? null };
}
